import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../testing/temp-folder.ts';
import { loadMigrations } from './migrations.ts';

describe('loadMigrations', () => {
  it('loads only the SQL files of a folder, by name', async () => {
    await using folder = await tempFolder();
    await writeFile(join(folder.path, '0002-more.sql'), 'SELECT 2');
    await writeFile(join(folder.path, '0001-init.sql'), 'SELECT 1');
    await writeFile(join(folder.path, 'README.md'), 'no SQL');
    const migrations = [
      { name: '0001-init', sql: 'SELECT 1' },
      { name: '0002-more', sql: 'SELECT 2' },
    ];
    expect(await loadMigrations(pathToFileURL(`${folder.path}/`))).toEqual(migrations);
    expect(await loadMigrations(pathToFileURL(folder.path))).toEqual(migrations);
  });
});
