import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { counterOf, counters, insert, open, openWithTables } from './fixture.ts';

export function migrationSuite(newUrl: NewDatabaseUrl): void {
  it('is applied once', async () => {
    const storage = await openWithTables(newUrl());
    await storage.execute(...insert('a', 1n));
    const second = { name: '0002-more', sql: 'UPDATE counter SET value = value + 1' };
    await storage.migrate('test', [second, counters]);
    await storage.migrate('test', [counters, second]);
    expect(await counterOf(storage, 'a')).toBe(2n);
  });

  it('is applied once if several processes start at the same time', async () => {
    const url = newUrl();
    const storages = await Promise.all(Array.from({ length: 4 }, () => open(url)));
    const set = [counters, { name: '0002-seed', sql: "INSERT INTO counter (name, value) VALUES ('a', 1)" }];
    await Promise.all(storages.map((storage) => storage.migrate('test', set)));
    expect(await storages[3]?.query('SELECT count(*) AS rows FROM counter')).toEqual([{ rows: 1n }]);
  });

  it('belongs to its set', async () => {
    const storage = await openWithTables(newUrl());
    await storage.migrate('other', [{ name: '0001-init', sql: 'CREATE TABLE other (id BIGINT)' }]);
    expect(await storage.query('SELECT id FROM other')).toEqual([]);
  });

  it('is refused if it was changed after it was applied', async () => {
    const storage = await openWithTables(newUrl());
    const changed = storage.migrate('test', [{ ...counters, sql: `${counters.sql};` }]);
    await expect(changed).rejects.toMatchObject({ reason: 'MIGRATION_CHANGED' });
  });

  it.each(['half of it', 'one character'])('is reported as damaged if its record is: %s', async (part) => {
    const storage = await openWithTables(newUrl());
    const sql = "SELECT checksum FROM schema_migration WHERE set_name = 'test'";
    const [row] = await storage.query<{ checksum: string }>(sql);
    const checksum = row?.checksum ?? '';
    const damaged = part === 'half of it' ? `${checksum.slice(0, 33)}${'\u0001'.repeat(31)}` : `z${checksum.slice(1)}`;
    await storage.execute("UPDATE schema_migration SET checksum = $1 WHERE set_name = 'test'", [damaged]);
    const migrating = storage.migrate('test', [counters]);
    await expect(migrating).rejects.toMatchObject({ code: 15, reason: 'STORAGE_CORRUPT' });
    await expect(migrating).rejects.toThrow(/migration 0001-init of test.*backup/);
  });

  it('is not applied if another of its set fails, and is once that is fixed', async () => {
    const storage = await open(newUrl());
    const broken = { name: '0002-broken', sql: 'CREATE TABLE half (id BIGINT); CREATE TABL typo (id BIGINT)' };
    await expect(storage.migrate('test', [counters, broken])).rejects.toThrow(/CREATE TABL typo/);
    await storage.migrate('test', [counters, { ...broken, sql: 'CREATE TABLE half (id BIGINT)' }]);
    expect(await storage.query('SELECT id FROM half')).toEqual([]);
  });

  it('can create ascending identities', async () => {
    const storage = await openWithTables(newUrl());
    const add = () => storage.query<{ id: bigint }>("INSERT INTO entry (note) VALUES ('a') RETURNING id");
    const ids: bigint[] = [];
    for (let count = 0; count < 3; count += 1) ids.push(...(await add()).map((row) => row.id));
    await storage.execute('DELETE FROM entry');
    ids.push(...(await add()).map((row) => row.id));
    expect(ids).toEqual([1n, 2n, 3n, 4n]);
  });
}
