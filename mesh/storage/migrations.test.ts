import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadMigrations } from './migrations.ts';

describe('loadMigrations', () => {
  it('loads only the SQL files of a folder, by name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'mesh-migrations-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, '0002-more.sql'), 'SELECT 2');
    await writeFile(join(folder, '0001-init.sql'), 'SELECT 1');
    await writeFile(join(folder, 'README.md'), 'no SQL');
    const migrations = [
      { name: '0001-init', sql: 'SELECT 1' },
      { name: '0002-more', sql: 'SELECT 2' },
    ];
    expect(await loadMigrations(pathToFileURL(`${folder}/`))).toEqual(migrations);
    expect(await loadMigrations(pathToFileURL(folder))).toEqual(migrations);
  });
});
