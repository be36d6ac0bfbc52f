import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { readManifest } from '../packages/manifest.ts';
import { setVersion, versionsAt } from './set-version.ts';
import { versionPlaces } from './version-places.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the version', () => {
  it.each(versionPlaces)('is that of package.json in $file', async (place) => {
    const { version } = await readManifest(root);
    expect(new Set(await versionsAt(root, place))).toEqual(new Set([version]));
  });

  it('is set in all places, and nowhere else in their files', async () => {
    await using folder = await tempFolder();
    const manifest = '{\n  "version": "1.0.0",\n  "dependencies": { "other": "1.0.0" }\n}\n';
    await writeFile(join(folder.path, 'package.json'), manifest);
    await writeFile(join(folder.path, 'notes.md'), 'image:1.0.0 and image:1.0.0');
    const places = [
      { file: 'package.json', pattern: /^ {2}"version": "([\d.]+)"/m },
      { file: 'notes.md', pattern: /image:([\d.]+)/g },
    ];
    await setVersion(folder.path, '1.2.0', places);
    const [changed, notes] = await Promise.all(
      ['package.json', 'notes.md'].map((file) => readFile(join(folder.path, file), 'utf8')),
    );
    expect(changed).toBe('{\n  "version": "1.2.0",\n  "dependencies": { "other": "1.0.0" }\n}\n');
    expect(notes).toBe('image:1.2.0 and image:1.2.0');
  });

  it('changes nothing if it is invalid, or a place does not show it', async () => {
    await using folder = await tempFolder();
    await writeFile(join(folder.path, 'a'), 'v1.0.0');
    await writeFile(join(folder.path, 'b'), '');
    const places = ['a', 'b'].map((file) => ({ file, pattern: /v([\d.]+)/ }));
    for (const invalid of ['v2', '2.0', '01.2.0', '1.2.00', '1.2.0\n'])
      await expect(setVersion(folder.path, invalid, places)).rejects.toThrow(`invalid VERSION "${invalid}"`);
    await expect(setVersion(folder.path, '2.0.0', places)).rejects.toThrow('b does not show the version');
    expect(await readFile(join(folder.path, 'a'), 'utf8')).toBe('v1.0.0');
  });
});
