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
    await writeFile(join(folder.path, '0003-drop.sqlite.sql'), 'SELECT 3');
    await writeFile(join(folder.path, 'README.md'), 'no SQL');
    const migrations = [
      { name: '0001-init', sql: 'SELECT 1' },
      { name: '0002-more', sql: 'SELECT 2' },
      { name: '0003-drop', sql: 'SELECT 3', only: 'sqlite' },
    ];
    expect(await loadMigrations(pathToFileURL(`${folder.path}/`))).toEqual(migrations);
    expect(await loadMigrations(pathToFileURL(folder.path))).toEqual(migrations);
  });

  it('refuses a file for a database that does not exist', async () => {
    await using folder = await tempFolder();
    await writeFile(join(folder.path, '0001-drop.sqlite3.sql'), 'SELECT 1');
    await expect(loadMigrations(pathToFileURL(folder.path))).rejects.toThrow('0001-drop.sqlite3.sql is for sqlite3');
  });
});
