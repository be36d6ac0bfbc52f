import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { brokenRules, cycles, decisiveFiles, folderCycles, optionalPackages } from './support/import-rules.ts';
import { type Import, readImports } from './support/imports.ts';

const folders = ['mesh', 'services', 'packages', 'gen/ts', 'gen/grpc-js'];

describe('the architecture', () => {
  const project = fileURLToPath(new URL('..', import.meta.url));

  it('lets every file import only what its folder may', async () => {
    const imports = await readImports(project, folders);
    expect(imports.length).toBeGreaterThan(500);
    expect(brokenRules(imports)).toEqual([]);
  });

  it('needs only packages of a production install to run', async () => {
    const { dependencies } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'));
    const programs = await readImports(project, [...folders, 'scripts/ordermesh']);
    const missing = programs
      .filter(
        ({ file }) =>
          !/\.(test|suite)\.ts$|\/(testing|suite)\/|^mesh\/(?:contract\/plugin|edge\/openapi\/generator)\//.test(file),
      )
      .filter(({ target, isPackage, values }) => isPackage && values.length > 0 && !target.startsWith('node:'))
      .filter(({ target }) => !Object.hasOwn(dependencies, target))
      .filter(({ file, target }) => optionalPackages.get(target) !== file);
    expect(missing.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
  });

  it('decides about money without fallbacks, whose answers may be old', async () => {
    const files = decisiveFiles(await readImports(project, folders));
    expect(files).toContain('services/order/place-order.ts');
    expect(await withFallbacks(project, files)).toEqual([]);
  });

  it('has no cycles of files', async () => {
    expect(cycles(await readImports(project, folders))).toEqual([]);
  });

  it('has no cycles of folders in the runtime', async () => {
    expect(folderCycles(await readImports(project, folders))).toEqual([]);
  });
});

/** Returns those of `files` that create a client with a fallback. */
async function withFallbacks(root: string, files: Iterable<string>): Promise<string[]> {
  const texts = await Promise.all([...files].map(async (file) => [file, await readFile(join(root, file), 'utf8')]));
  return texts.filter(([, text = '']) => /\bfallback\b/.test(text)).map(([file = '']) => file);
}

describe('the check of the architecture', () => {
  /** Returns the imports of a tree with these files. */
  async function importsOf(files: Readonly<Record<string, string>>): Promise<Import[]> {
    await using folder = await tempFolder();
    const root = folder.path;
    for (const [file, text] of Object.entries(files)) {
      await mkdir(join(root, dirname(file)), { recursive: true });
      await writeFile(join(root, file), text);
    }
    return await readImports(root, folders);
  }

  it.each([
    ['a service in another', 'services/order/rpc.ts', '../user/store.ts', 'services meet in proto/'],
    ['a service in mesh', 'mesh/app/run.ts', '../../services/user/service.ts', 'mesh knows no service'],
    ["a service's contract in mesh", 'mesh/app/run.ts', '#gen/user/v1/user.ts', 'mesh knows no service'],
    ['a database in a service', 'services/order/store.ts', 'pg', 'pg belongs into mesh/storage/postgres/'],
    ['SQLite in the event log', 'mesh/events/log.ts', 'node:sqlite', 'node:sqlite belongs into mesh/storage/sqlite/'],
    [
      'an engine in the client',
      'mesh/client/call.ts',
      '@grpc/grpc-js/build/src/x.js',
      'belongs into mesh/engines/grpc-js/',
    ],
    ['a package without a home', 'mesh/client/call.ts', 'left-pad', 'no adapter is named as the home of left-pad'],
    ['storage in the domain', 'services/order/order.ts', './store.ts', 'a domain file imports its errors'],
    ['the runtime in the domain', 'services/order/order.ts', '#mesh', 'a domain file imports its errors'],
    ['a clock in a value', 'mesh/values/money.ts', '../time/clock.ts', 'mesh/values is pure'],
    ['I/O in the domain', 'services/order/order.ts', 'node:fs', 'a domain file imports its errors'],
    ['the runtime in generated code', 'gen/ts/a.ts', '../../mesh/app/run.ts', 'generated code imports'],
    ['a generator in production', 'mesh/edge/method-calls.ts', '../contract/plugin/service.ts', 'uses no generator'],
    ['the mesh in the gRPC package', 'packages/grpc/src/a.ts', '../../../mesh/app/run.ts', 'packages/grpc imports'],
    ['test code in production', 'mesh/app/run.ts', '../testing/start.ts', 'uses no test code'],
  ])('finds %s', async (_, file, specifier, fault) => {
    const imports = await importsOf({ [file]: `import {\n  thing,\n} from '${specifier}';\n` });
    expect(brokenRules(imports)).toEqual([expect.stringMatching(`^${file}:3 imports .*${fault}`)]);
  });

  it.each([
    ['type imports', "import type { Thing } from 'pg';"],
    ['exports', "export { thing } from 'pg';"],
    ['side-effect imports', "import 'pg';"],
    ['dynamic imports', "const thing = await import('pg');"],
  ])('sees %s', async (_, text) => {
    expect(brokenRules(await importsOf({ 'mesh/app/run.ts': text }))).toHaveLength(1);
  });

  it('lets tests and services/main.ts import anything', async () => {
    const imports = await importsOf({
      'services/order/order.test.ts': "import { x } from '../user/service.ts';",
      'services/main.ts': "import { x } from './user/service.ts';",
    });
    expect(brokenRules(imports)).toEqual([]);
  });

  it('lets the domain import types and pure values of the runtime', async () => {
    const imports = await importsOf({
      'mesh/index.ts':
        "export { type Money, moneyToJson } from './values/money.ts';\nexport { sleep } from './time/sleep.ts';",
      'services/order/order.ts':
        "import { type Clock, type Money, moneyToJson } from '#mesh';\nimport type { Storage } from '#mesh';",
      'services/order/line.ts': "import { moneyToJson, sleep } from '#mesh';",
    });
    expect(brokenRules(imports)).toEqual([expect.stringMatching('^services/order/line.ts:1 imports mesh/index.ts')]);
  });

  it('knows which files decide about money', async () => {
    const imports = await importsOf({
      'services/order/service.ts': "import './rpc.ts';\nimport './pay.saga.ts';",
      'services/order/rpc.ts': "import './place.ts';\nimport './show.ts';",
      'services/order/place.ts': "import { type Pay, pay } from './pay.saga.ts';\nimport './price.ts';",
      'services/order/price.ts': "import './line.ts';",
      'services/order/show.ts': "import './price.ts';",
      'services/payment/rpc.ts': "import './charge.ts';",
    });
    expect([...decisiveFiles(imports)].toSorted()).toEqual([
      'services/order/line.ts',
      'services/order/pay.saga.ts',
      'services/order/place.ts',
      'services/order/price.ts',
      'services/order/service.ts',
      'services/payment/rpc.ts',
    ]);
  });

  it('finds folders that depend on each other', async () => {
    const imports = await importsOf({
      'mesh/a/one.ts': "import '../b/two.ts';",
      'mesh/b/other.ts': "import '../a/four.ts';",
    });
    expect(folderCycles(imports)).toEqual(['mesh/a → mesh/b → mesh/a']);
  });

  it('finds folders within a folder that depend on each other', async () => {
    const imports = await importsOf({
      'mesh/a/x/one.ts': "import '../y/deep/two.ts';",
      'mesh/a/y/other.ts': "import '../x/four.ts'; import '../face.ts';",
      'mesh/a/face.ts': "import './x/one.ts';",
    });
    expect(folderCycles(imports)).toEqual(['mesh/a/x → mesh/a/y → mesh/a/x']);
  });

  it('finds a cycle and shows its path', async () => {
    const imports = await importsOf({
      'mesh/a.ts': "import './b.ts';",
      'mesh/b.ts': "import './c.ts';",
      'mesh/c.ts': "import type { B } from './b.ts';",
    });
    expect(cycles(imports)).toEqual(['mesh/c.ts:1 closes the cycle mesh/b.ts → mesh/c.ts → mesh/b.ts']);
  });
});
