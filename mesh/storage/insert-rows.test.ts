import { describe, expect, it } from 'vitest';
import { describeOnEachDatabase } from '../testing/databases.ts';
import { insertMany, insertRow } from './insert-rows.ts';
import { openStorage } from './open.ts';
import type { Storage, Transaction } from './storage.ts';

describeOnEachDatabase((newUrl) => {
  async function open(): Promise<Storage> {
    const storage = await openStorage(newUrl());
    const sql = 'CREATE TABLE entry (id {{identity}}, note TEXT NOT NULL UNIQUE)';
    await storage.migrate('test', [{ name: '0001-init', sql }]);
    return storage;
  }
  const sql = 'INSERT INTO entry (note) VALUES ($1) ON CONFLICT DO NOTHING';
  const add = (tx: Transaction, note: string) => insertRow(tx, sql, [note], 'id');
  const rowsOf = (storage: Storage) => storage.query('SELECT id, note FROM entry ORDER BY id');

  describe('insertRow', () => {
    it('returns the id of the row that it has added', async () => {
      const storage = await open();
      const ids = await storage.transaction(async (tx) => [await add(tx, 'a'), await add(tx, 'b')]);
      expect(await rowsOf(storage)).toEqual([
        { id: ids[0], note: 'a' },
        { id: ids[1], note: 'b' },
      ]);
      await storage.close();
    });

    it('returns nothing for a row that was not added, even after one that was', async () => {
      const storage = await open();
      const found = await storage.transaction(async (tx) => [typeof (await add(tx, 'a')), await add(tx, 'a')]);
      expect(found).toEqual(['bigint', undefined]);
      await storage.close();
    });

    it('fails its transaction if it fails', async () => {
      const storage = await open();
      const work = async (tx: Transaction) => {
        await add(tx, 'a');
        await insertRow(tx, 'INSERT INTO entry (note) VALUES ($1)', [null], 'id').catch(() => undefined);
      };
      await expect(storage.transaction(work)).rejects.toThrow();
      expect(await rowsOf(storage)).toEqual([]);
      await storage.close();
    });
  });

  it('insertMany adds any number of rows, and returns how many there were not before', async () => {
    const storage = await open();
    const notes = Array.from({ length: 75 }, (_, index) => [`note ${index}`]);
    const insert = (rows: string[][]) =>
      storage.transaction((tx) => insertMany(tx, 'entry', ['note'], rows, 'ON CONFLICT DO NOTHING'));
    expect(await insert(notes.slice(0, 7))).toBe(7);
    expect(await insert(notes)).toBe(68);
    expect((await rowsOf(storage)).map(({ note }) => [note])).toEqual(notes);
    await storage.close();
  });

  it('insertMany adds rows with other columns of the same table', async () => {
    const storage = await open();
    await storage.execute('CREATE TABLE pair (first TEXT, second TEXT)');
    const insert = (columns: string[]) => storage.transaction((tx) => insertMany(tx, 'pair', columns, [['a', 'b']]));
    await insert(['first', 'second']);
    await insert(['second', 'first']);
    expect(await storage.query('SELECT first, second FROM pair ORDER BY first')).toEqual([
      { first: 'a', second: 'b' },
      { first: 'b', second: 'a' },
    ]);
    await storage.close();
  });
});
