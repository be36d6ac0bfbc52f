import { glob, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runnableServices } from '../../services/all.ts';
import { definePlaceOrderSaga, type PlaceOrderSagaDeps } from '../../services/order/place-order.saga.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readDrawing = (name: string) => readFile(join(root, 'docs/drawings', name), 'utf8');
const mesh = await readDrawing('mesh.svg');
const order = await readDrawing('order.svg');
const page = await readFile(join(root, 'docs/architecture.md'), 'utf8');

/** The sources of each service, without tests and their helpers. */
const sources = new Map(
  await Promise.all(
    runnableServices.map(async ({ name }) => {
      const files = await Array.fromAsync(glob(`services/${name}/**/*.ts`, { cwd: root }));
      const texts = files
        .filter((file) => !/\.(test|suite)\.ts$|\/testing\//.test(file))
        .map((file) => readFile(join(root, file), 'utf8'));
      return [name, (await Promise.all(texts)).join('\n')] as const;
    }),
  ),
);

/** The names of the services whose source matches. */
const servicesWith = (pattern: RegExp) =>
  [...sources].filter(([, source]) => pattern.test(source)).map(([name]) => name);

/** The arrows of a drawing that say where they lead, as `order → user`. */
const arrows = [...mesh.matchAll(/data-from="([a-z-]+)" data-to="([a-z-]+)"/g)].map(
  ([, from, to]) => `${from} → ${to}`,
);
const arrowsTo = (target: string) => arrows.filter((arrow) => arrow.endsWith(` → ${target}`));
const arrowsFrom = (source: string) => arrows.filter((arrow) => arrow.startsWith(`${source} → `));

/** The texts of a drawing with their places, from top to bottom. */
function textsOf(drawing: string): { readonly text: string; readonly y: number }[] {
  return [...drawing.matchAll(/<text[^>]* y="(\d+)"[^>]*>([^<]*)<\/text>/g)]
    .map(([, y, text = '']) => ({ text, y: Number(y) }))
    .toSorted((a, b) => a.y - b.y);
}

/** Those of `wanted` that a drawing has, from top to bottom. */
const inOrder = (drawing: string, wanted: readonly string[]) =>
  textsOf(drawing)
    .map(({ text }) => text)
    .filter((text) => wanted.includes(text));

it('docs/architecture.md says what each folder of the runtime is for', async () => {
  const entries = await readdir(join(root, 'mesh'), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  const described = rows.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`([\w-]+)\/`/g)].map(([, name]) => name),
  );
  expect(described.toSorted()).toEqual(folders.toSorted());
});

describe('docs/drawings/mesh.svg (change it with what it shows, and its description)', () => {
  const boxes = [...mesh.matchAll(/<g class="service( stored)?" id="([a-z]+)">.*?<text class="name"[^>]*>([a-z]+)</g)];

  it('has a box for each service that a process can run', () => {
    const names = runnableServices.map(({ name }) => name).toSorted();
    expect(boxes.map(([, , id]) => id).toSorted()).toEqual(names);
    expect(boxes.map(([, , , name]) => name).toSorted()).toEqual(names);
  });

  it('has a cylinder in the box of each service with a database', () => {
    const stored = boxes.filter(([, isStored]) => isStored !== undefined).map(([, , name]) => name);
    const withCylinder = [...mesh.matchAll(/id="([a-z]+)">(?:(?!<\/g>).)*#cylinder/g)].map(([, name]) => name);
    expect(stored.toSorted()).toEqual(servicesWith(/^ {2}migrations: /m).toSorted());
    expect(withCylinder).toEqual(stored);
  });

  it('has an arrow for each service that another one calls', () => {
    const calls = [...sources].flatMap(([name, source]) =>
      [...source.matchAll(/\bclient\((\w+?)ServiceContract\)/g)].map(([, called = '']) => [name, called.toLowerCase()]),
    );
    const drawn = arrows.filter((arrow) => !/event-log|task-queue/.test(arrow));
    expect(calls.length).toBeGreaterThan(4);
    expect(drawn.toSorted()).toEqual(calls.map(([from, to]) => `${from} → ${to}`).toSorted());
  });

  it('has an arrow to the event log for each service with a topic, and one from it for each consumer', () => {
    const publishers = servicesWith(/^ {2}topics: \[\w/m);
    const consumers = servicesWith(/^ {4}group: '/m);
    expect(arrowsTo('event-log').toSorted()).toEqual(publishers.map((name) => `${name} → event-log`).toSorted());
    expect(arrowsFrom('event-log').toSorted()).toEqual(
      [...consumers, 'bridge'].map((name) => `event-log → ${name}`).toSorted(),
    );
  });
});

describe('docs/drawings/order.svg (change it with what it shows, and its description)', () => {
  // Making a definition calls none of them.
  const { steps } = definePlaceOrderSaga({} as PlaceOrderSagaDeps, 2);
  const names = steps.map(({ name }) => name);

  it('has the steps of the saga, and the states that they reach, in their order', () => {
    const wanted = steps.flatMap(({ name, reaches = 'COMPLETED' }) => [name, reaches]);
    expect(wanted).toHaveLength(8);
    expect(inOrder(order, wanted)).toEqual(wanted);
    expect([...order.matchAll(/class="step"[^>]*>([^<]*)</g)].map(([, name]) => name)).toEqual(names);
  });

  it('has the pivot above the step after which the saga only goes forward', () => {
    const pivot = steps.find((step) => step.pivot)?.name;
    const [, line] = /class="pivot" d="M\d+,(\d+)/.exec(order) ?? [];
    const below = textsOf(order).filter(({ text, y }) => names.includes(text) && y > Number(line));
    expect(below.map(({ text }) => text)).toEqual([pivot]);
  });
});

describe.each([
  ['mesh.svg', mesh],
  ['order.svg', order],
])('docs/drawings/%s', (name, drawing) => {
  it('has a title, a description, its size, and is shown with a text instead of it', () => {
    expect(drawing).toMatch(/role="img" aria-labelledby="title description"/);
    expect(drawing).toMatch(/<title id="title">\S.+<\/title>\n<desc id="description">\S.{100,}<\/desc>/);
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(drawing) ?? [];
    expect(drawing).toContain(`width="${width}" height="${height}"`);
    const shown = [...page.matchAll(/!\[([^\]]{40,})\]\(drawings\/(\S+)\)/g)].map(([, , file]) => file);
    expect(shown).toContain(name);
  });

  it('has colours of its own for dark pages, and a background, so that text is never on that of the page', () => {
    expect(drawing).toContain('@media (prefers-color-scheme: dark)');
    expect(drawing).toMatch(/<rect class="page" x="0.5" y="0.5"/);
    const sizes = [...drawing.matchAll(/font(?:-size)?: ([\d.]+)px/g)].map(([, size]) => Number(size));
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(12);
  });
});
