import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { counterOf, insert, open, openWithTables } from './fixture.ts';

export function transactionSuite(newUrl: NewDatabaseUrl): void {
  it('is visible to every other connection as soon as it resolves', async () => {
    const url = newUrl();
    const [storage, other] = [await openWithTables(url), await open(url)];
    const result = await storage.transaction(async (tx) => {
      await tx.execute(...insert('a', 1n));
      return counterOf(tx, 'a');
    });
    expect(result).toBe(1n);
    expect(await counterOf(other, 'a')).toBe(1n);
  });

  it('is kept when the storage is closed and opened again', async () => {
    const url = newUrl();
    const storage = await openWithTables(url);
    await storage.transaction((tx) => tx.execute(...insert('a', 1n)));
    await storage.close();
    expect(await counterOf(await open(url), 'a')).toBe(1n);
  });

  it('is rolled back if it throws, with its error', async () => {
    const storage = await openWithTables(newUrl());
    const refusal = new Error('refused');
    const transaction = storage.transaction(async (tx) => {
      await tx.execute(...insert('a', 1n));
      throw refusal;
    });
    await expect(transaction).rejects.toBe(refusal);
    expect(await counterOf(storage, 'a')).toBeUndefined();
  });

  it('runs deferred statements before those that follow, and before its commit', async () => {
    const storage = await openWithTables(newUrl());
    const seen = await storage.transaction(async (tx) => {
      tx.defer(...insert('a', 1n));
      const counter = await counterOf(tx, 'a');
      tx.defer('UPDATE counter SET value = value + 1 WHERE name = $1', ['a']);
      tx.defer(...insert('b', 7n));
      return counter;
    });
    expect([seen, await counterOf(storage, 'a'), await counterOf(storage, 'b')]).toEqual([1n, 2n, 7n]);
  });

  it.each(['at its end', 'before another statement'])(
    'is rolled back if a deferred statement fails %s',
    async (when) => {
      const storage = await openWithTables(newUrl());
      const actions: string[] = [];
      const transaction = storage.transaction(async (tx) => {
        tx.afterCommit(() => actions.push('committed'));
        tx.defer(...insert('a', 1n));
        tx.defer(...insert('a', 2n));
        if (when === 'before another statement') await counterOf(tx, 'a').catch(() => undefined);
        return 'done';
      });
      await expect(transaction).rejects.toThrow(/unique/i);
      expect([await counterOf(storage, 'a'), actions]).toEqual([undefined, []]);
      expect(await storage.transaction((tx) => tx.execute(...insert('a', 3n)))).toBe(1);
    },
  );

  it('does not affect others if it throws', async () => {
    const storage = await openWithTables(newUrl());
    const work = Array.from({ length: 20 }, (_, index) =>
      storage.transaction(async (tx) => {
        await tx.execute(...insert(`${index}`, 1n));
        if (index % 2 === 1) throw new Error('refused');
      }),
    );
    const outcomes = await Promise.allSettled(work);
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(10);
    const rows = await storage.query<{ name: string }>('SELECT name FROM counter ORDER BY value, name');
    expect(rows.map((row) => Number(row.name)).toSorted((a, b) => a - b)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
  });

  it('fails with its failed statement, even if the work continues', async () => {
    const storage = await openWithTables(newUrl());
    const transaction = storage.transaction(async (tx) => {
      await tx.execute(...insert('a', 1n));
      await tx.execute(...insert('a', 2n)).catch(() => 'ignored');
    });
    await expect(transaction).rejects.toThrow(/INSERT INTO counter/);
    expect(await counterOf(storage, 'a')).toBeUndefined();
  });

  it('names the failed statement without its values', async () => {
    const storage = await openWithTables(newUrl());
    await storage.execute(...insert('secret', 1n));
    const error = await storage.execute(...insert('secret', 1n)).catch((reason: unknown) => reason);
    expect(String(error)).toContain('INSERT INTO counter');
    expect(String(error)).not.toContain('secret');
    expect(error).not.toHaveProperty('cause');
  });

  it('refuses calls once it has ended', async () => {
    const storage = await openWithTables(newUrl());
    const tx = await storage.transaction(async (current) => current);
    await expect(tx.execute(...insert('a', 1n))).rejects.toThrow('the transaction has ended');
    expect(() => tx.afterCommit(() => undefined)).toThrow('the transaction has ended');
  });

  it('gives its work only the calls of a transaction, in a commit group too', async () => {
    const storage = await openWithTables(newUrl());
    const count = async (...given: unknown[]) => given.length;
    expect(await storage.transaction(count)).toBe(1);
    expect(await storage.transaction(count, { commitGroup: 'hot' })).toBe(1);
  });

  it('is implicit for a query outside that writes', async () => {
    const url = newUrl();
    const [storage, other] = [await openWithTables(url), await open(url)];
    const rows = await storage.query('INSERT INTO counter (name, value) VALUES ($1, 5) RETURNING value', ['a']);
    expect(rows).toEqual([{ value: 5n }]);
    expect(await counterOf(other, 'a')).toBe(5n);
  });

  it('returns the number of rows that a statement changed', async () => {
    const storage = await openWithTables(newUrl());
    expect(await storage.execute("INSERT INTO counter (name, value) VALUES ('a', 1), ('b', 1), ('c', 2)")).toBe(3);
    expect(await storage.execute('UPDATE counter SET value = 3 WHERE value = $1', [1])).toBe(2);
    expect(await storage.execute(`${insert('a', 1n)[0]} ON CONFLICT DO NOTHING`, ['a', 1n])).toBe(0);
    expect(await storage.execute('CREATE TABLE other (id BIGINT)')).toBe(0);
    expect(await storage.execute('DELETE FROM counter')).toBe(3);
  });
}
