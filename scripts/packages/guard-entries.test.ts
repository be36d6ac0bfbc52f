import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { guardEntries, nodeCheck } from './guard-entries.ts';

const entry = { types: './src/index.d.ts', default: './src/index.js' };
const manifest = { name: '@ordermesh/thing', version: '1.0.0', license: 'MIT', engines: { node: '>=24.12' } };
const exports = { '.': entry, './other': { ...entry, default: './src/other.js' }, './package.json': './package.json' };

/** A package whose entry point has this text. */
async function packageOf(text: string) {
  const folder = await tempFolder();
  const check = stripTypeScriptTypes(await readFile(nodeCheck.replace('.js', '.ts'), 'utf8'));
  const files = { 'package.json': '{ "type": "module" }', [nodeCheck]: check, 'src/index.js': text };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await writeFile(join(folder.path, path), content);
  }
  return folder;
}

it('exports what the module exports, and leaves other entry points alone', async () => {
  const text = "export { join, dirname as folderOf } from 'node:path';\nexport const answer = 42;\nexport {};\n";
  await using folder = await packageOf(text);
  const guarded = await guardEntries(folder.path, { ...manifest, exports }, ['./src/index.js']);
  expect(guarded).toEqual({ ...exports, '.': { ...entry, default: './guarded/src/index.js' } });
  const module = await import(join(folder.path, 'guarded/src/index.js'));
  expect(module).toEqual(expect.objectContaining({ answer: 42, folderOf: dirname, join }));
});

it('says which Node is needed before it loads what an older one cannot link', async () => {
  await using folder = await packageOf("export { notOnThisNode } from 'node:fs';\n");
  await guardEntries(folder.path, { ...manifest, engines: { node: '>=99.1' }, exports }, ['./src/index.js']);
  await expect(promisify(execFile)(process.execPath, [join(folder.path, 'guarded/src/index.js')])).rejects.toThrow(
    `@ordermesh/thing needs Node 99.1 or later, this is ${process.versions.node}`,
  );
});

it('refuses a module whose exports it cannot list', async () => {
  await using folder = await packageOf("export * from 'node:path';\n");
  await expect(guardEntries(folder.path, { ...manifest, exports }, ['./src/index.js'])).rejects.toThrow(
    'not "* from \'node:path\';"',
  );
});
