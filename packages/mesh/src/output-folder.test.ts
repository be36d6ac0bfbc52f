import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { replaceableFolder, replaceFolder } from './output-folder.ts';

describe('the folder of generated code', () => {
  it.each(['', 'project', 'project/proto'])(
    'is not one that has the contracts or the project in it: "%s"',
    async (path) => {
      await using root = await tempFolder();
      await mkdir(join(root.path, 'project/proto'), { recursive: true });
      await writeFile(join(root.path, path, 'descriptors.binpb'), '');
      const inputs = [join(root.path, 'project/proto'), join(root.path, 'project')];
      await expect(replaceableFolder(join(root.path, path), inputs)).rejects.toThrow('has');
      await expect(replaceableFolder(join(root.path, 'project/gen'), inputs)).resolves.toBe(
        join(root.path, 'project/gen'),
      );
    },
  );

  it('is not one with files of others', async () => {
    await using root = await tempFolder();
    await writeFile(join(root.path, 'main.ts'), '');
    await expect(replaceableFolder(root.path, [])).rejects.toThrow(/files that were not generated/);
    await writeFile(join(root.path, 'descriptors.binpb'), '');
    await expect(replaceableFolder(root.path, [])).resolves.toBeDefined();
  });

  it('is replaced as a whole', async () => {
    await using root = await tempFolder();
    const [gen, fresh] = [join(root.path, 'a/gen'), join(root.path, 'fresh')];
    await mkdir(fresh);
    await writeFile(join(fresh, 'old'), '');
    await replaceFolder(gen, fresh);
    await writeFile(join(fresh, 'new'), '');
    await replaceFolder(gen, fresh);
    expect(await readdir(gen)).toEqual(['new', 'old']);
    expect(await readdir(join(root.path, 'a'))).toEqual(['gen']);
  });

  it('is as it was if it cannot be replaced', async () => {
    await using root = await tempFolder();
    await mkdir(join(root.path, 'gen'));
    await writeFile(join(root.path, 'gen/file'), 'before');
    await expect(replaceFolder(join(root.path, 'gen'), join(root.path, 'missing'))).rejects.toThrow('ENOENT');
    expect(await readdir(root.path)).toEqual(['gen']);
    expect(await readFile(join(root.path, 'gen/file'), 'utf8')).toBe('before');
  });
});
