import { spawnSync } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { checkOutTree, previousCommit } from './previous-commit.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const git = (...args: string[]) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.trim();

it('finds the commit that PREVIOUS names, and refuses one that does not exist', async () => {
  expect(await previousCommit(root, 'HEAD')).toBe(git('rev-parse', '--short', 'HEAD'));
  await expect(previousCommit(root, 'no-such-release')).rejects.toThrow(
    'commit no-such-release not found: set PREVIOUS to one of this repository, or fetch its history',
  );
});

it('takes the last tag, and tells no tag from a repository that cannot be read', async () => {
  await using folder = await tempFolder();
  const at = folder.path;
  await expect(previousCommit(at, undefined)).rejects.toThrow(
    new RegExp(`^git cannot read the tags of ${at}: fatal: not a git repository`),
  );
  await expect(previousCommit(at, 'HEAD')).rejects.toThrow('not a git repository');
  await expect(previousCommit(join(at, 'missing'), undefined)).rejects.toThrow('git cannot read the tags of');
  const gitIn = (...args: string[]) =>
    spawnSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], { cwd: at });
  gitIn('init', '--quiet');
  for (const version of ['0.1.0', '0.2.0']) {
    gitIn('commit', '--quiet', '--allow-empty', '--message', version);
    if (version === '0.1.0') expect(await previousCommit(at, undefined)).toBeUndefined();
    gitIn('tag', `v${version}`);
    expect(await previousCommit(at, undefined)).toBe(`v${version}`);
  }
});

it('writes the files of a commit in place of what was there', async () => {
  await using folder = await tempFolder();
  await writeFile(join(folder.path, 'of-another-commit'), '');
  await checkOutTree(root, 'HEAD', folder.path);
  expect((await readdir(folder.path)).toSorted()).toEqual(git('ls-tree', '--name-only', 'HEAD').split('\n').toSorted());
});
