import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

/** Programs in the table of conformance, and where their versions are pinned. */
const pins = [
  { name: 'connectconformance', file: 'scripts/deps/go.sh', pattern: /^conformance=v([\d.]+)$/m },
  { name: 'h2spec', file: 'scripts/deps/h2spec/go.mod', pattern: /summerwind\/h2spec v([\d.]+)/ },
  { name: 'grpc-go', file: 'scripts/deps/go.sh', pattern: /grpc\/interop\/client@v([\d.]+)/ },
  {
    name: 'grpc-java',
    file: 'scripts/grpc-java/pom.xml',
    pattern: /interop-testing<\/artifactId>\s*<version>([\d.]+)/,
  },
  { name: 'grpcio', file: 'scripts/deps/requirements.txt', pattern: /^grpcio==([\d.]+)$/m },
];

it.each(pins)('the README of @ordermesh/grpc names the pinned version of $name', async ({ name, file, pattern }) => {
  const readme = await readFile('packages/grpc/README.md', 'utf8');
  const [, table = ''] = /^## Conformance\n(.*?)^## /ms.exec(readme) ?? [];
  const [, shown = ''] = new RegExp(`\\b${name} ([\\d.]+)`).exec(table) ?? [];
  const [, pinned = ''] = pattern.exec(await readFile(file, 'utf8')) ?? [];
  expect(shown).toMatch(/^\d+\.\d+/);
  // The README may leave out the patch version.
  expect(`${pinned}.`.startsWith(`${shown}.`), `the README has ${shown}, ${file} ${pinned}`).toBe(true);
});

/** The calls of its table of speed, and how rows of the benchmarks that compare the package with a server begin. */
const speeds = [
  { column: 2, rows: 'GetUser of @ordermesh/grpc, vs ' },
  { column: 3, rows: 'ListUsers of @ordermesh/grpc, messages, vs ' },
];

it.each(speeds)('the README of @ordermesh/grpc has the latest figures of "$rows"', async ({ column, rows }) => {
  const [, section = ''] = /^## Speed\n(.*)/ms.exec(await readFile('packages/grpc/README.md', 'utf8')) ?? [];
  const shownFor = (server: string) => cellsOf(section).find(([, name]) => name?.includes(server))?.[column];
  const measured = cellsOf(await readFile('bench/README.md', 'utf8')).filter(([, name]) => name?.startsWith(rows));
  expect(measured.map(([, name]) => name?.slice(rows.length))).toEqual([
    'grpc-js',
    'nice-grpc',
    'connect-node',
    'grpc-go',
    'tonic',
  ]);
  for (const [, name = '', value, peer] of measured) {
    expect(`${shownFor('`@ordermesh/grpc`')}/s`).toBe(value);
    expect(`${shownFor(name.slice(rows.length))}/s`).toBe(peer);
  }
});

function cellsOf(page: string): string[][] {
  return page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').map((cell) => cell.trim()));
}
