import type { Edit } from './edit.ts';
import type { ServiceNames } from './names.ts';

/** The box of a service in the drawing of the mesh. Its arrows depend on what it calls, so they are drawn by hand. */
export const drawing: Edit = { path: 'docs/drawings/mesh.svg', edit: inDrawing, optional: true };

/** Boxes are side by side, in rows below everything else in the frame. Here the longest name has room beside the cylinder. */
const columns = [150, 428];
const width = 262;
const height = 54;
const firstRow = 650;
const rowHeight = 68;
const belowRow = 14;

function inDrawing(text: string, names: ServiceNames): string {
  const { x, y } = freePlace(text);
  const [, top, rows] = /<rect class="frame" x="\d+" y="(\d+)" width="\d+" height="(\d+)"/.exec(text) ?? [];
  const missing = y + height + belowRow - (Number(top) + Number(rows));
  const grown = sizes.reduce((drawn, size) => lengthen(drawn, size, Math.max(0, missing)), text);
  const described = put(grown, '</desc>', ` ${names.service} stores ${names.resources}.`);
  return put(described, '<g class="legend"', `${boxAt(x, y, names)}\n\n`);
}

/** The lengths that grow with a row. */
const sizes = [
  /(viewBox="0 0 \d+ )(\d+)/,
  /(<svg [^>]* height=")(\d+)/,
  /(<rect class="page" [^>]*height=")(\d+)/,
  /(<rect class="frame" [^>]*height=")(\d+)/,
  /(<g class="legend" transform="translate\(0 )(\d+)/,
];

function lengthen(text: string, size: RegExp, by: number): string {
  if (!size.test(text)) throw new Error(`${drawing.path} has nothing that matches ${size}, so it cannot grow`);
  return text.replace(size, (_, before: string, length: string) => `${before}${Number(length) + by}`);
}

function put(text: string, next: string, block: string): string {
  if (!text.includes(next)) throw new Error(`${drawing.path} has no ${next}, so there is no place for:\n${block}`);
  return text.replace(next, () => `${block}${next}`);
}

/** The first place without a box. */
function freePlace(text: string): { readonly x: number; readonly y: number } {
  for (let y = firstRow; ; y += rowHeight) {
    const x = columns.find((column) => !text.includes(`<rect x="${column}" y="${y}"`));
    if (x !== undefined) return { x, y };
  }
}

function boxAt(x: number, y: number, { service, resources }: ServiceNames): string {
  const middle = x + width / 2;
  return [
    `<g class="service stored" id="${service}"><rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6"/>`,
    `<text class="name" x="${middle - 8}" y="${y + 22}"${condensed(service)}>${service}</text>`,
    `<text x="${middle}" y="${y + 42}"${condensed(resources)}>${resources}</text>`,
    `<use href="#cylinder" x="${x + width - 24}" y="${y + 8}"/></g>`,
  ].join('');
}

/** Names have up to 30 letters, of which 20 fit even if all are wide. */
function condensed(name: string): string {
  return name.length > 20 ? ' textLength="224" lengthAdjust="spacingAndGlyphs"' : '';
}
