import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { openStorage } from '../open.ts';
import type { Storage } from '../storage.ts';

const tables = [{ name: '0001-init', sql: 'CREATE TABLE entry (id BIGINT PRIMARY KEY, text TEXT NOT NULL)' }];

describe('the free pages of a SQLite file', () => {
  let folder: TempFolder;
  let path: string;

  beforeEach(async () => {
    folder = await tempFolder();
    path = join(folder.path, 'a.db');
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  /** Fills 30 MB, and empties them. */
  async function fillAndEmpty(storage: Storage): Promise<void> {
    await storage.migrate('entries', tables);
    const text = 'x'.repeat(3_000);
    await storage.transaction(async (tx) => {
      for (let id = 0; id < 10_000; id += 1) await tx.execute('INSERT INTO entry VALUES ($1, $2)', [id, text]);
    });
    await storage.execute('DELETE FROM entry');
  }

  const freePages = async (storage: Storage) =>
    Number((await storage.query('SELECT freelist_count AS pages FROM pragma_freelist_count'))[0]?.pages);

  it('go back to the disk in small portions, except for 10 MiB', async () => {
    const storage = await openStorage(`sqlite:${path}`, { exclusive: true });
    await fillAndEmpty(storage);
    const before = await freePages(storage);
    expect(before).toBeGreaterThan(7_000);
    await storage.check();
    expect(before - (await freePages(storage))).toBe(256);
    for (let checks = 0; checks < 40; checks += 1) await storage.check();
    expect(await freePages(storage)).toBeGreaterThan(2_200);
    expect(await freePages(storage)).toBeLessThanOrEqual(2_560);
    await storage.close();
    expect(statSync(path).size).toBeLessThan(12_000_000);
  });

  it('stay in a file of an earlier version until a VACUUM, and its content is kept', async () => {
    const file = new DatabaseSync(path);
    file.exec('PRAGMA journal_mode = WAL; CREATE TABLE old (id INTEGER); INSERT INTO old VALUES (7)');
    file.close();
    const storage = await openStorage(`sqlite:${path}`, { exclusive: true });
    await fillAndEmpty(storage);
    const before = await freePages(storage);
    await storage.check();
    expect(await freePages(storage)).toBe(before);
    await storage.close();
    const compacting = new DatabaseSync(path);
    compacting.exec('PRAGMA auto_vacuum = INCREMENTAL; VACUUM');
    compacting.close();
    const again = await openStorage(`sqlite:${path}`, { exclusive: true });
    await fillAndEmpty(again);
    const free = await freePages(again);
    await again.check();
    expect(await freePages(again)).toBeLessThan(free);
    expect(await again.query('SELECT id FROM old')).toEqual([{ id: 7n }]);
    await again.close();
  });
});
