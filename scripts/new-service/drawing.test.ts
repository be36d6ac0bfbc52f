import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { drawing } from './drawing.ts';
import { checkNames } from './names.ts';

const before = await readFile(drawing.path, 'utf8');

const draw = (...services: readonly string[]) =>
  services.reduce((text, name) => drawing.edit(text, checkNames({ name, resource: '', plural: '' })), before);

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The boxes of a kind: `frame`, `page`, or what is in them. */
function boxesOf(text: string, kind = ''): Box[] {
  const rect = new RegExp(`<rect ${kind}x="([\\d.]+)" y="([\\d.]+)" width="(\\d+)" height="(\\d+)"`, 'g');
  return [...text.matchAll(rect)].map(([, ...lengths]) => {
    const [left = 0, top = 0, width = 0, height = 0] = lengths.map(Number);
    return { left, top, right: left + width, bottom: top + height };
  });
}

const frameOf = (text: string) => boxesOf(text, 'class="frame" ')[0] ?? expect.fail('no frame');
const pageOf = (text: string) => boxesOf(text, 'class="page" ')[0] ?? expect.fail('no page');
const legendOf = (text: string) => Number(/class="legend" transform="translate\(0 (\d+)\)"/.exec(text)?.[1]);

const overlap = (one: Box, other: Box) =>
  one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;

it.each([
  [['catalog']],
  [['catalog', 'review']],
  [['catalog', 'review', 'zone']],
  [['catalog', 'review', 'zone', 'basket', 'price']],
])('draws boxes of %j that cover nothing, in the frame', (services) => {
  const after = draw(...services);
  const boxes = boxesOf(after);
  expect(boxes).toHaveLength(boxesOf(before).length + services.length);
  const pairs = boxes.flatMap((one, index) => boxes.slice(index + 1).map((other) => [one, other] as const));
  expect(pairs.filter(([one, other]) => overlap(one, other))).toEqual([]);
  const frame = frameOf(after);
  for (const box of boxes.slice(-services.length)) {
    expect(box.left).toBeGreaterThan(frame.left);
    expect(box.right).toBeLessThan(frame.right);
    expect(box.bottom).toBeLessThan(frame.bottom);
  }
});

it('makes a row for two boxes, and moves what is below it', () => {
  const heights = [[], ['catalog'], ['catalog', 'review'], ['catalog', 'review', 'zone']].map((services) => {
    const text = draw(...services);
    const grown = frameOf(text).bottom - frameOf(before).bottom;
    expect(pageOf(text).bottom - pageOf(before).bottom).toBe(grown);
    expect(legendOf(text)).toBe(grown);
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(text) ?? [];
    expect(text).toContain(`width="${width}" height="${height}"`);
    return grown;
  });
  expect(heights).toEqual([0, 78, 78, 146]);
});

it('takes the place of a box that was moved elsewhere', () => {
  const moved = draw('catalog', 'review').replace('<rect x="150" y="650"', '<rect x="10" y="400"');
  expect(drawing.edit(moved, checkNames({ name: 'zone', resource: '', plural: '' }))).toContain(
    'id="zone"><rect x="150" y="650"',
  );
});

it('condenses a name that would not fit', () => {
  expect(draw('a'.repeat(19))).not.toContain('textLength');
  const long = 'w'.repeat(29);
  expect(draw(long)).toContain(` textLength="224" lengthAdjust="spacingAndGlyphs">${long}</text>`);
  expect(draw(long)).toContain(` textLength="224" lengthAdjust="spacingAndGlyphs">${long}s</text>`);
});

it('describes the service for those who do not see the drawing', () => {
  const names = checkNames({ name: 'catalog', resource: 'Product', plural: '' });
  expect(drawing.edit(before, names)).toMatch(/ catalog stores products\.<\/desc>/);
});

it.each([
  ['class="legend"', /has nothing that matches .*legend/],
  ['class="frame"', /has nothing that matches .*frame/],
  ['</desc>', /has no <\/desc>, so there is no place for:\n catalog stores catalogs\./],
])('says that there is no place for a box in a drawing without %s', (part, problem) => {
  const names = checkNames({ name: 'catalog', resource: '', plural: '' });
  expect(() => drawing.edit(before.replace(part, ''), names)).toThrow(problem);
});
