import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { counterOf, insert, open, openWithTables } from './fixture.ts';

export function valueSuite(newUrl: NewDatabaseUrl): void {
  it('is returned as it was stored, for every type', async () => {
    const storage = await open(newUrl());
    await storage.execute('CREATE TABLE kinds (id BIGINT, i BIGINT, f DOUBLE PRECISION, t TEXT, b BYTEA)');
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const kinds = [
      { id: 1n, i: 2n ** 63n - 1n, f: 1.5, t: "it's $1 – ₿ 🙂", b: bytes },
      { id: 2n, i: -(2n ** 63n), f: -0.1, t: '', b: new Uint8Array() },
      { id: 3n, i: null, f: null, t: null, b: null },
    ];
    for (const { id, i, f, t, b } of kinds) {
      await storage.execute('INSERT INTO kinds (id, i, f, t, b) VALUES ($1, $2, $3, $4, $5)', [id, i, f, t, b]);
    }
    expect(await storage.query('SELECT id, i, f, t, b FROM kinds ORDER BY id')).toEqual(kinds);
  });

  it('is a bigint for sums and counts', async () => {
    const storage = await openWithTables(newUrl());
    await storage.execute("INSERT INTO counter (name, value) VALUES ('a', 9007199254740993), ('b', 1)");
    expect(await storage.query('SELECT sum(value) AS total, count(*) AS rows FROM counter')).toEqual([
      { total: 9007199254740994n, rows: 2n },
    ]);
  });

  it('can be a whole number for a BIGINT, and used more than once in any order', async () => {
    const storage = await openWithTables(newUrl());
    await storage.execute('INSERT INTO counter (value, name) VALUES ($2, $1)', ['a', 7]);
    const rows = await storage.query(
      "SELECT name, '$3' AS dollar FROM counter WHERE value = $2 AND name = $1 AND value + $2 = 14 -- $4\n",
      ['a', 7],
    );
    expect(rows).toEqual([{ name: 'a', dollar: '$3' }]);
  });

  it('is required for each parameter, no more and no less', async () => {
    const storage = await openWithTables(newUrl());
    const [sql] = insert('a', 1n);
    await expect(storage.execute(sql, ['a'])).rejects.toThrow(/parameters/);
    await expect(storage.execute(sql, ['a', 1n, 2n])).rejects.toThrow(/parameters/);
    expect(await counterOf(storage, 'a')).toBeUndefined();
  });

  it('is sorted by its bytes if it is text', async () => {
    const storage = await openWithTables(newUrl());
    const names = ['b', 'B', 'a-1', 'a1', 'é', '10', '9', '_'];
    for (const name of names) await storage.execute(...insert(name, 1n));
    const rows = await storage.query<{ name: string }>('SELECT name FROM counter ORDER BY name');
    expect(rows.map((row) => row.name)).toEqual(['10', '9', 'B', '_', 'a-1', 'a1', 'b', 'é']);
  });
}
