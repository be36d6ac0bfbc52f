import { spawnSync } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { checkOut } from './previous-tree.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const head = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout.trim();

it('checks a commit out with packages to run it, in place of what was there', async () => {
  await using folder = await tempFolder();
  await checkOut(root, head, folder.path);
  const { main } = await checkOut(root, head, folder.path);
  expect(main).toBe(join(folder.path, 'services/main.ts'));
  const committed = spawnSync('git', ['show', `${head}:services/main.ts`], { cwd: root, encoding: 'utf8' }).stdout;
  expect(await readFile(main, 'utf8')).toBe(committed);
  expect(await realpath(join(folder.path, 'node_modules'))).toBe(await realpath(join(root, 'node_modules')));
});
