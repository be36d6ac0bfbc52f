import { spawnSync } from 'node:child_process';
import { glob, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { grpcurl } from '../../mesh/testing/servers/go-tools.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { curlLines, runCurlLines } from './support/curl-lines.ts';
import { brokenLinks, filesOf, missingFiles } from './support/links.ts';
import { missingLine, shownCommands } from './support/shown-commands.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const tools = join(root, '.tools/bin');
const readPage = (page: string) => readFile(join(root, page), 'utf8');

/** The pages with commands, each to be followed from its beginning on fresh data. */
const pages = await Promise.all(
  ['README.md', 'docs/tour.md', 'docs/operating.md', 'docs/rest.md'].map(async (page) => ({
    page,
    commands: shownCommands(await readPage(page)),
  })),
);

describe.each(pages)('the commands in $page', ({ commands }) => {
  const usesGrpcurl = commands.some(({ script }) => script.includes('grpcurl'));
  const describePage = usesGrpcurl ? describeWithServer.bind(undefined, grpcurl) : describe;

  describePage('on fresh data', () => {
    const stack = new AsyncDisposableStack();
    let addresses: ReadonlyMap<string, string>;
    let variables: string;

    beforeAll(async () => {
      const folder = stack.use(await tempFolder());
      variables = join(folder.path, 'variables');
      const environment = { HTTP_LISTEN: '127.0.0.1:0' };
      const mesh = stack.use(await startProcess({ dataDir: join(folder.path, 'data'), environment }));
      addresses = new Map([
        ['localhost:50051', mesh.address],
        ['localhost:8080', mesh.httpAddress ?? ''],
      ]);
    });
    afterAll(() => stack.disposeAsync());

    /** Runs commands in the project's folder as written, except for the ports. A command sees the variable that an earlier one set. */
    function run(script: string): string {
      let here = script;
      for (const [written, address] of addresses) here = here.replaceAll(written, `localhost:${address.split(':')[1]}`);
      const shell = `[ -f ${variables} ] && . ${variables}\n${here}\ndeclare -p ORDER > ${variables} 2>/dev/null`;
      const env = { ...process.env, PATH: `${tools}${delimiter}${process.env.PATH}` };
      const { stdout, stderr } = spawnSync('bash', ['-c', shell], { cwd: root, env, encoding: 'utf8' });
      return stdout + stderr;
    }

    it.each(commands)('print what the page shows: $script', { timeout: 60_000 }, async ({ script, output }) => {
      expect(output.length).toBeGreaterThan(0);
      let printed = '';
      const missing = () => {
        printed = run(script);
        return missingLine(output, printed);
      };
      // Background work may take a moment on a busy machine.
      await eventually(() => expect(missing(), `missing line; the command printed:\n${printed}`).toBeUndefined(), {
        timeoutMs: 30_000,
        intervalMs: 200,
      });
    });
  });
});

it('docs/operating.md lists every metric in the code, and no other', async () => {
  const defined = new Set<string>();
  for await (const file of glob('{mesh,services}/**/*.ts', { cwd: root })) {
    if (/\.test(ing)?\.ts$/.test(file)) continue;
    const text = await readFile(join(root, file), 'utf8');
    for (const [, name = ''] of text.matchAll(/'(ordermesh_[a-z_]+)'/g)) defined.add(name);
  }
  const listed = [...(await readPage('docs/operating.md')).matchAll(/^\| `(ordermesh_[a-z_]+)/gm)].map(
    ([, name]) => name,
  );
  expect(defined.size).toBeGreaterThan(10);
  expect(listed.toSorted()).toEqual([...defined].toSorted());
});

describe('the Markdown files', () => {
  it('call curl only where the commands of a page are run', async () => {
    const followed = new Set(pages.map(({ page }) => page));
    const calls = await Promise.all(
      filesOf(root, '*.md').map(async (page) => {
        const text = await readPage(page);
        const run = new Set(followed.has(page) ? runCurlLines(text) : []);
        return curlLines(text).map((line) => ({ call: `${page}: ${line}`, isRun: run.has(line) }));
      }),
    );
    expect(calls.flat().length).toBeGreaterThan(20);
    expect(calls.flat().filter(({ isRun }) => !isRun)).toEqual([]);
  });

  it('link to files and headings that exist', async () => {
    expect(await brokenLinks(root)).toEqual([]);
  });

  it('name source files that exist', async () => {
    expect(await missingFiles(root)).toEqual([]);
  });
});
