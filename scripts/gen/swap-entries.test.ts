import { rmSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { swapEntries, UnrestoredError } from './swap-entries.ts';

describe('swapping the entries of a folder', () => {
  it('replaces those that are named, and keeps others', async () => {
    await using swap = await foldersWith({
      'folder/ts/old': '',
      'folder/own': '',
      'fresh/ts/new': '',
      'fresh/more': '',
    });
    await swapEntries(swap.folder, { ...swap, names: ['ts'] });
    expect(await filesOf(swap.folder)).toEqual(['more', 'own', 'ts', 'ts/new']);
    expect(await filesOf(swap.previous)).toEqual(['ts', 'ts/old']);
  });

  it.each([
    ['an entry is missing', ['ts', 'missing'], {}],
    // A file cannot take the place of a folder with files.
    ['a new one cannot be moved', ['ts'], { 'folder/own/file': '', 'fresh/own': '' }],
  ])('leaves the folder as it was if %s', async (_, names, files) => {
    await using swap = await foldersWith({ 'folder/ts/old': 'before', 'fresh/ts/new': '', ...files });
    const before = await filesOf(swap.folder);
    await expect(swapEntries(swap.folder, { ...swap, names })).rejects.toThrow(/ENOENT|EISDIR|ENOTEMPTY/);
    expect(await filesOf(swap.folder)).toEqual(before);
    expect(await readFile(join(swap.folder, 'ts/old'), 'utf8')).toBe('before');
    expect(await filesOf(swap.fresh)).toContain('ts/new');
  });

  it('puts all others back if one cannot be', async () => {
    await using swap = await foldersWith({ 'folder/a': '', 'folder/b': '', 'folder/c': '' });
    const names = function* () {
      yield* ['a', 'b', 'c'];
      rmSync(join(swap.previous, 'b'));
      yield 'missing';
    };
    const swapping = swapEntries(swap.folder, { ...swap, names: names() });
    await expect(swapping).rejects.toThrow(UnrestoredError);
    await expect(swapping).rejects.toThrow(/missing.*previous\/b could not be moved back/);
    expect(await filesOf(swap.folder)).toEqual(['a', 'c']);
  });
});

async function foldersWith(files: Readonly<Record<string, string>>) {
  const root = await tempFolder();
  const [folder, fresh, previous] = ['folder', 'fresh', 'previous'].map((name) => join(root.path, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [folder, fresh, previous]) await mkdir(path);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root.path, path)), { recursive: true });
    await writeFile(join(root.path, path), text);
  }
  return { folder, fresh, previous, [Symbol.asyncDispose]: () => root[Symbol.asyncDispose]() };
}

async function filesOf(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).toSorted();
}
