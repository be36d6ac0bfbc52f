import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { importRoot } from './import-root.ts';

/** A `docker` that notes its arguments, and reads all that it gets, as `docker import` does. */
async function commandIn(folder: string) {
  await writeFile(
    join(folder, 'docker'),
    `#!/bin/sh\necho "$@" >> "${folder}/calls"\n[ "$1" = rmi ] || cat > "${folder}/tar"\n`,
  );
  await chmod(join(folder, 'docker'), 0o755);
  const environment = { PATH: [folder, process.env.PATH].join(delimiter) };
  const docker = async (...args: readonly string[]) =>
    (await promisify(execFile)(join(folder, 'docker'), args, { env: environment })).stdout;
  return { environment, docker, calls: async () => (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n') };
}

it('gives docker all files', async () => {
  await using folder = await tempFolder();
  const { calls, ...engine } = await commandIn(folder.path);
  await mkdir(join(folder.path, 'root'));
  await writeFile(join(folder.path, 'root/file'), '');
  await importRoot(engine, join(folder.path, 'root'), 'debian:test');
  expect(await calls()).toEqual(['import - debian:test']);
  const { stdout } = await promisify(execFile)('tar', ['-tf', join(folder.path, 'tar')]);
  expect(stdout).toContain('./file');
});

it('leaves no image of a part of the files', async () => {
  await using folder = await tempFolder();
  const { calls, ...engine } = await commandIn(folder.path);
  await expect(importRoot(engine, join(folder.path, 'missing'), 'debian:test')).rejects.toThrow(
    /^no image debian:test of .*missing: tar ended with 2, docker import with 0$/,
  );
  expect(await calls()).toEqual(['import - debian:test', 'rmi debian:test']);
});
