import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import type { Storage } from '../storage.ts';
import { counterOf, insert, open, openWithTables } from './fixture.ts';

export function concurrencySuite(newUrl: NewDatabaseUrl): void {
  it('lose no update', async () => {
    const url = newUrl();
    const storages = [await openWithTables(url), await open(url)];
    await storages[0]?.execute(...insert('a', 0n));
    const increment = (storage: Storage) =>
      storage.transaction((tx) =>
        tx.query('UPDATE counter SET value = value + 1 WHERE name = $1 RETURNING value', ['a']),
      );
    const answers = await Promise.all(
      storages.flatMap((storage) => Array.from({ length: 50 }, () => increment(storage))),
    );
    const seen = answers.flat().map((row) => Number(row.value));
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
  });

  it('take no more than there is with a conditional update', async () => {
    const storage = await openWithTables(newUrl());
    await storage.execute(...insert('stock', 10n));
    const take = () => storage.execute("UPDATE counter SET value = value - 1 WHERE name = 'stock' AND value > 0");
    const taken = await Promise.all(Array.from({ length: 40 }, take));
    expect(taken.filter((count) => count === 1)).toHaveLength(10);
    expect(await counterOf(storage, 'stock')).toBe(0n);
  });

  it('see nothing that is not committed', async () => {
    const storage = await openWithTables(newUrl());
    let outside: Promise<bigint | undefined> | undefined;
    const transaction = storage.transaction(async (tx) => {
      await tx.execute(...insert('a', 1n));
      outside = counterOf(storage, 'a');
      await tx.query('SELECT name FROM counter');
      throw new Error('refused');
    });
    await expect(transaction).rejects.toThrow('refused');
    expect(await outside).toBeUndefined();
  });

  it('run the statements of each in order', async () => {
    const storage = await openWithTables(newUrl());
    await storage.transaction(async (tx) => {
      const notes = ['a', 'b', 'c', 'd'];
      await Promise.all(notes.map((note) => tx.execute('INSERT INTO entry (note) VALUES ($1)', [note])));
    });
    expect(await storage.query('SELECT note FROM entry ORDER BY id')).toEqual(
      ['a', 'b', 'c', 'd'].map((note) => ({ note })),
    );
  });
}
