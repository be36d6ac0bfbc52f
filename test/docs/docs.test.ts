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

/** `make -s token SUBJECT=ada` without make, which would install packages that have changed. */
const makeToken = 'make() { [ "$1 $2" = "-s token" ] || return; shift 2; env "$@" node scripts/token.ts; }';

/** A line of a block that starts a program of the repository. */
const startsProgram = /^ *(?:[A-Z_]+=\S+ )*\S*\bnode (?:services|scripts|examples)\/\S+\.ts/;

const localPort = (address: string) => `localhost:${address.slice(address.lastIndexOf(':') + 1)}`;

/** The pages with commands, each to be followed from its beginning on fresh data. */
const pageNames = ['README.md', 'docs/tour.md', 'docs/operating.md', 'docs/rest.md', 'docs/security.md'];
/** Whose commands call a mesh that runs with `TLS=1 AUTH=1`. */
const isSecured = (section: string) => /^# Security\n|^## (Quick start|With certificates and tokens)\n/.test(section);
const pages = (await Promise.all(pageNames.map(async (page) => ({ page, text: await readPage(page) })))).flatMap(
  ({ page, text }) => {
    const sections = Object.groupBy(text.split(/^(?=## )/m), (section) => (isSecured(section) ? 'secured' : 'open'));
    const commandsIn = (kind: 'secured' | 'open') => shownCommands(sections[kind]?.join('') ?? '');
    return [
      { page, secured: false, commands: commandsIn('open') },
      { page: `${page}, with certificates and tokens`, secured: true, commands: commandsIn('secured') },
    ].filter(({ commands }) => commands.length > 0);
  },
);

describe.each(pages)('the commands in $page', ({ secured, commands }) => {
  const usesGrpcurl = commands.some(({ script }) => script.includes('grpcurl'));
  const describePage = usesGrpcurl ? describeWithServer.bind(undefined, grpcurl) : describe;

  describePage('on fresh data', () => {
    const stack = new AsyncDisposableStack();
    let replaced: ReadonlyMap<string, string>;
    let variables: string;
    let dataDir: string;

    beforeAll(async () => {
      const folder = stack.use(await tempFolder());
      variables = join(folder.path, 'variables');
      dataDir = join(folder.path, 'data');
      const environment = { HTTP_LISTEN: '127.0.0.1:0', ...(secured && { TLS: '1', AUTH: '1' }) };
      const main = secured ? 'scripts/start.ts' : 'services/main.ts';
      const mesh = stack.use(await startProcess({ main, dataDir, environment }));
      replaced = new Map([
        ['localhost:50051', localPort(mesh.address)],
        ['localhost:8080', localPort(mesh.httpAddress ?? '')],
        ['data/certs', join(dataDir, 'certs')],
      ]);
    });
    afterAll(() => stack.disposeAsync());

    /**
     * Runs commands in the project's folder as written, except for ports and the data folder. A command sees the
     * variable that an earlier one set.
     */
    function run(script: string): string {
      let here = script;
      for (const [written, instead] of replaced) here = here.replaceAll(written, instead);
      const shell = `[ -f ${variables} ] && . ${variables}\n${makeToken}\n${here}\ndeclare -p ORDER > ${variables} 2>/dev/null`;
      const env = { ...process.env, DATA_DIR: dataDir, PATH: `${tools}${delimiter}${process.env.PATH}` };
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
    const followed = new Set(pageNames);
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

  it('run programs with the Node that make start installs: an older one cannot load them, and does not say why', async () => {
    // The packages are for projects with a Node of their own; CONTRIBUTING.md puts that of the repository on the path.
    const pages = filesOf(root, '*.md').filter((page) => !/^(packages|docs\/decisions)\/|^CONTRIBUTING/.test(page));
    const lines = await Promise.all(
      pages.map(async (page) =>
        (await readPage(page)).split('\n').flatMap((line) => (startsProgram.test(line) ? [`${page}: ${line}`] : [])),
      ),
    );
    expect(lines.flat().length).toBeGreaterThan(4);
    expect(lines.flat().filter((line) => !line.includes('node_modules/.bin/node '))).toEqual([]);
  });

  it('link to files and headings that exist', async () => {
    expect(await brokenLinks(root)).toEqual([]);
  });

  it('name source files that exist', async () => {
    expect(await missingFiles(root)).toEqual([]);
  });
});
