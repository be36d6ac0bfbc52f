import { glob, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readPage = (path: string) => readFile(join(root, path), 'utf8');

/** Figures of `bench/README.md` that docs/when-to-use.md shows: the row, the column, and the words of the page. */
const figures = [
  { row: 'processor time of each', column: 'value', words: 'takes 3.1 ms' },
  { row: 'orders completed on one core', column: 'value', words: 'completes 313 orders a second' },
  { row: 'vs Restate, four empty steps', column: 'ratio', words: 'is 1.45 times Restate' },
  {
    row: 'processor time of an order on PostgreSQL, with PostgreSQL',
    column: 'value',
    words: 'takes 16.8 ms with the server',
  },
  { row: 'on PostgreSQL', column: 'ratio', words: 'it is 0.34 times DBOS' },
  { row: 'accepted at 100 orders/s, median', column: 'value', words: 'accepted in 2.7 ms' },
  { row: 'completed, median', column: 'value', words: 'completed in 14.6 ms' },
  { row: 'outbox to Kafka, events', column: 'value', words: '27,569 events a second' },
] as const;

describe('docs/when-to-use.md', async () => {
  const page = (await readPage('docs/when-to-use.md')).replace(/\s+/g, ' ');
  const rows = (await readPage('bench/README.md'))
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').map((cell) => cell.trim()));

  it.each(figures)('has the latest "$row" of the benchmarks: $words', ({ row, column, words }) => {
    expect(page).toContain(words);
    // The first is in the latest figures; older ones are below.
    const cells = rows.find(([, name]) => name === row);
    const [, shown = ''] = /(\d[\d,.]*)/.exec(words) ?? [];
    const measured = Number(/[\d,.]+/.exec(cells?.[column === 'value' ? 2 : 4] ?? '')?.[0].replaceAll(',', ''));
    const [, decimals = ''] = shown.split('.');
    expect(measured.toFixed(decimals.length)).toBe(shown.replaceAll(',', ''));
  });

  it('names each project of its table in a section, and the other way round', () => {
    const table = [...page.matchAll(/\| ([A-Z]\w+|kratos) \|/g)].map(([, name]) => name);
    const sections = [...page.matchAll(/ ### (\w+) /g)].map(([, name]) => name);
    expect(sections.length).toBeGreaterThan(4);
    expect(table).toEqual(sections);
  });
});

describe('docs/upgrading.md', async () => {
  const page = await readPage('docs/upgrading.md');
  const changelog = await readPage('CHANGELOG.md');

  it('has a section for each release of the changelog, and no other', () => {
    const released = [...changelog.matchAll(/^## \[(.+?)\]/gm)].map(([, version]) => version);
    const [, releases = ''] = /^## Releases\n(.*?)^## /ms.exec(page) ?? [];
    const sections = [...releases.matchAll(/^### (.+)$/gm)].map(([, version]) => version);
    expect(released.length).toBeGreaterThan(0);
    expect(sections).toEqual(released);
  });
});

describe('the pages that say that there is no release yet', async () => {
  const paths = await Array.fromAsync(glob(['*.md', 'docs/*.md', 'packages/*/README.md'], { cwd: root }));
  const pages = await Promise.all(paths.map(async (path) => ({ path, text: await readPage(path) })));
  const isReleased = /^## \[\d/m.test(await readPage('CHANGELOG.md'));
  const sentences =
    /\b(are|is) no releases?\b|\bno release to test with\b|; no release\b|\bnot released\b|\bnot published\b/i;
  const saying = pages
    .filter(({ text }) => sentences.test(text.replace(/\s+/g, ' ')))
    .map(({ path }) => path)
    .toSorted();

  it('do not say so any more once the changelog has one', () => {
    const packages = ['cli', 'grpc', 'mesh'].map((name) => `packages/${name}/README.md`);
    const before = ['SECURITY.md', 'docs/status.md', 'docs/upgrading.md', 'docs/when-to-use.md', ...packages];
    expect(saying).toEqual(isReleased ? [] : before);
  });

  it('are named where it is said how to cut a release', async () => {
    const [, step = ''] = /^1\. (.*?)^2\. /ms.exec(await readPage('docs/releasing.md')) ?? [];
    for (const path of saying) expect(step).toContain(`(${relative('docs', path)}`);
  });

  it('do not show a version of their own', async () => {
    const { version } = JSON.parse(await readPage('package.json'));
    for (const { path, text } of pages.filter(({ path }) => saying.includes(path)))
      expect({ path, shows: text.includes(`Version ${version}`) }).toEqual({ path, shows: false });
  });
});
