import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, it, onTestFinished } from 'vitest';
import type { NewDatabaseUrl } from '../testing/database-urls.ts';
import { openStorage } from './open.ts';
import type { Queryable, Storage } from './storage.ts';

const counters = {
  name: '0001-init',
  sql: 'CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL); CREATE TABLE entry (id {{identity}}, note TEXT NOT NULL)',
};

async function open(url: string): Promise<Storage> {
  const storage = await openStorage(url);
  onTestFinished(() => storage.close());
  return storage;
}

async function openWithTables(url: string): Promise<Storage> {
  const storage = await open(url);
  await storage.migrate('test', [counters]);
  return storage;
}

async function counterOf(storage: Queryable, name: string): Promise<bigint | undefined> {
  const [row] = await storage.query<{ value: bigint }>('SELECT value FROM counter WHERE name = $1', [name]);
  return row?.value;
}

function insert(name: string, value: bigint) {
  return ['INSERT INTO counter (name, value) VALUES ($1, $2)', [name, value]] as const;
}

/** What every `Storage` promises, as tests in the suite that calls it. */
export function storageContract(newUrl: NewDatabaseUrl): void {
  transactionContract(newUrl);
  concurrencyContract(newUrl);
  afterCommitContract(newUrl);
  signalContract(newUrl);
  valueContract(newUrl);
  migrationContract(newUrl);
  lifeContract(newUrl);
}

function transactionContract(newUrl: NewDatabaseUrl): void {
  it('shows what it committed to every other connection as soon as the transaction resolves', async () => {
    const url = newUrl();
    const [storage, other] = [await openWithTables(url), await open(url)];
    const result = await storage.transaction(async (tx) => {
      await tx.execute(...insert('a', 1n));
      return counterOf(tx, 'a');
    });
    expect(result).toBe(1n);
    expect(await counterOf(other, 'a')).toBe(1n);
  });

  it('keeps what it committed when it is closed and opened again', async () => {
    const url = newUrl();
    const storage = await openWithTables(url);
    await storage.transaction((tx) => tx.execute(...insert('a', 1n)));
    await storage.close();
    expect(await counterOf(await open(url), 'a')).toBe(1n);
  });

  it('rolls back a transaction that throws and passes its error on', async () => {
    const storage = await openWithTables(newUrl());
    const refusal = new Error('refused');
    const transaction = storage.transaction(async (tx) => {
      await tx.execute(...insert('a', 1n));
      throw refusal;
    });
    await expect(transaction).rejects.toBe(refusal);
    expect(await counterOf(storage, 'a')).toBeUndefined();
  });

  it('takes no other transaction down with one that throws', async () => {
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

  it('fails a transaction with its failed statement, also when the work goes on', async () => {
    const storage = await openWithTables(newUrl());
    const transaction = storage.transaction(async (tx) => {
      await tx.execute(...insert('a', 1n));
      await tx.execute(...insert('a', 2n)).catch(() => 'ignored');
    });
    await expect(transaction).rejects.toThrow(/INSERT INTO counter/);
    expect(await counterOf(storage, 'a')).toBeUndefined();
  });

  it('names the failed statement but none of its values', async () => {
    const storage = await openWithTables(newUrl());
    await storage.execute(...insert('secret', 1n));
    const error = await storage.execute(...insert('secret', 1n)).catch((reason: unknown) => reason);
    expect(String(error)).toContain('INSERT INTO counter');
    expect(String(error)).not.toContain('secret');
    expect(error).not.toHaveProperty('cause');
  });

  it('refuses calls of a transaction that has ended', async () => {
    const storage = await openWithTables(newUrl());
    const tx = await storage.transaction(async (current) => current);
    await expect(tx.execute(...insert('a', 1n))).rejects.toThrow('the transaction has ended');
    expect(() => tx.afterCommit(() => undefined)).toThrow('the transaction has ended');
  });

  it('writes with a query outside of a transaction, too', async () => {
    const url = newUrl();
    const [storage, other] = [await openWithTables(url), await open(url)];
    const rows = await storage.query('INSERT INTO counter (name, value) VALUES ($1, 5) RETURNING value', ['a']);
    expect(rows).toEqual([{ value: 5n }]);
    expect(await counterOf(other, 'a')).toBe(5n);
  });

  it('counts the rows that a statement changed', async () => {
    const storage = await openWithTables(newUrl());
    expect(await storage.execute("INSERT INTO counter (name, value) VALUES ('a', 1), ('b', 1), ('c', 2)")).toBe(3);
    expect(await storage.execute('UPDATE counter SET value = 3 WHERE value = $1', [1])).toBe(2);
    expect(await storage.execute(`${insert('a', 1n)[0]} ON CONFLICT DO NOTHING`, ['a', 1n])).toBe(0);
    expect(await storage.execute('CREATE TABLE other (id BIGINT)')).toBe(0);
    expect(await storage.execute('DELETE FROM counter')).toBe(3);
  });
}

function concurrencyContract(newUrl: NewDatabaseUrl): void {
  it('loses no update of many at the same time', async () => {
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

  it('gives away no more than there is with a conditional update', async () => {
    const storage = await openWithTables(newUrl());
    await storage.execute(...insert('stock', 10n));
    const take = () => storage.execute("UPDATE counter SET value = value - 1 WHERE name = 'stock' AND value > 0");
    const taken = await Promise.all(Array.from({ length: 40 }, take));
    expect(taken.filter((count) => count === 1)).toHaveLength(10);
    expect(await counterOf(storage, 'stock')).toBe(0n);
  });

  it('shows nobody what is not committed', async () => {
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

  it('runs the statements of one transaction in the order they were asked for', async () => {
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

function afterCommitContract(newUrl: NewDatabaseUrl): void {
  it('calls what waits for the commit once, when others can see it', async () => {
    const url = newUrl();
    const [storage, other] = [await openWithTables(url), await open(url)];
    const seen: Promise<bigint | undefined>[] = [];
    await storage.transaction(async (tx) => {
      tx.afterCommit(() => void seen.push(counterOf(other, 'a')));
      await tx.execute(...insert('a', 1n));
    });
    await expect.poll(() => seen.length).toBe(1);
    expect(await seen[0]).toBe(1n);
  });

  it('does not call what waits for a commit that never comes', async () => {
    const storage = await openWithTables(newUrl());
    let calls = 0;
    const refused = storage.transaction(async (tx) => {
      tx.afterCommit(() => {
        calls += 1;
      });
      throw new Error('refused');
    });
    await expect(refused).rejects.toThrow('refused');
    await storage.transaction((tx) => tx.execute(...insert('a', 1n)));
    expect(calls).toBe(0);
  });

  it('runs the work and what waits for its commit in the context of the caller', async () => {
    const storage = await openWithTables(newUrl());
    const caller = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const run = (name: string) =>
      caller.run(name, () =>
        storage.transaction(async (tx) => {
          await tx.execute(...insert(name, 1n));
          tx.afterCommit(() => seen.push(caller.getStore()));
          return caller.getStore();
        }),
      );
    expect(await Promise.all([run('a'), run('b')])).toEqual(['a', 'b']);
    await expect.poll(() => seen.toSorted()).toEqual(['a', 'b']);
  });
}

function signalContract(newUrl: NewDatabaseUrl): void {
  it('does not begin a transaction whose signal is aborted', async () => {
    const storage = await openWithTables(newUrl());
    const reason = new Error('too late');
    let begun = false;
    const transaction = storage.transaction(
      async () => {
        begun = true;
      },
      { signal: AbortSignal.abort(reason) },
    );
    await expect(transaction).rejects.toBe(reason);
    expect(begun).toBe(false);
  });

  it('commits nothing of a transaction whose signal is aborted under way', async () => {
    const storage = await openWithTables(newUrl());
    const reason = new Error('too late');
    const caller = new AbortController();
    const transaction = storage.transaction(
      async (tx) => {
        await tx.execute(...insert('a', 1n));
        caller.abort(reason);
      },
      { signal: caller.signal },
    );
    await expect(transaction).rejects.toBe(reason);
    expect(await counterOf(storage, 'a')).toBeUndefined();
  });
}

function valueContract(newUrl: NewDatabaseUrl): void {
  it('gives back every kind of value as it was given', async () => {
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

  it('gives sums and counts as bigint', async () => {
    const storage = await openWithTables(newUrl());
    await storage.execute("INSERT INTO counter (name, value) VALUES ('a', 9007199254740993), ('b', 1)");
    expect(await storage.query('SELECT sum(value) AS total, count(*) AS rows FROM counter')).toEqual([
      { total: 9007199254740994n, rows: 2n },
    ]);
  });

  it('takes a whole number for a BIGINT and uses a parameter more than once, in any order', async () => {
    const storage = await openWithTables(newUrl());
    await storage.execute('INSERT INTO counter (value, name) VALUES ($2, $1)', ['a', 7]);
    const rows = await storage.query(
      "SELECT name, '$3' AS dollar FROM counter WHERE value = $2 AND name = $1 AND value + $2 = 14 -- $4\n",
      ['a', 7],
    );
    expect(rows).toEqual([{ name: 'a', dollar: '$3' }]);
  });

  it('refuses a statement with too few or too many parameters', async () => {
    const storage = await openWithTables(newUrl());
    const [sql] = insert('a', 1n);
    await expect(storage.execute(sql, ['a'])).rejects.toThrow(/parameters/);
    await expect(storage.execute(sql, ['a', 1n, 2n])).rejects.toThrow(/parameters/);
    expect(await counterOf(storage, 'a')).toBeUndefined();
  });

  it('sorts text by its bytes', async () => {
    const storage = await openWithTables(newUrl());
    const names = ['b', 'B', 'a-1', 'a1', 'é', '10', '9', '_'];
    for (const name of names) await storage.execute(...insert(name, 1n));
    const rows = await storage.query<{ name: string }>('SELECT name FROM counter ORDER BY name');
    expect(rows.map((row) => row.name)).toEqual(['10', '9', 'B', '_', 'a-1', 'a1', 'b', 'é']);
  });
}

function migrationContract(newUrl: NewDatabaseUrl): void {
  it('applies each migration of a set once', async () => {
    const storage = await openWithTables(newUrl());
    await storage.execute(...insert('a', 1n));
    const second = { name: '0002-more', sql: 'UPDATE counter SET value = value + 1' };
    await storage.migrate('test', [second, counters]);
    await storage.migrate('test', [counters, second]);
    expect(await counterOf(storage, 'a')).toBe(2n);
  });

  it('applies a set once with several processes starting at a time', async () => {
    const url = newUrl();
    const storages = await Promise.all(Array.from({ length: 4 }, () => open(url)));
    const set = [counters, { name: '0002-seed', sql: "INSERT INTO counter (name, value) VALUES ('a', 1)" }];
    await Promise.all(storages.map((storage) => storage.migrate('test', set)));
    expect(await storages[3]?.query('SELECT count(*) AS rows FROM counter')).toEqual([{ rows: 1n }]);
  });

  it('keeps sets apart', async () => {
    const storage = await openWithTables(newUrl());
    await storage.migrate('other', [{ name: '0001-init', sql: 'CREATE TABLE other (id BIGINT)' }]);
    expect(await storage.query('SELECT id FROM other')).toEqual([]);
  });

  it('refuses a migration that was changed after it was applied', async () => {
    const storage = await openWithTables(newUrl());
    const changed = storage.migrate('test', [{ ...counters, sql: `${counters.sql};` }]);
    await expect(changed).rejects.toMatchObject({ reason: 'MIGRATION_CHANGED' });
  });

  it('applies nothing of a set of which one migration fails, and all of it once that is mended', async () => {
    const storage = await open(newUrl());
    const broken = { name: '0002-broken', sql: 'CREATE TABLE half (id BIGINT); CREATE TABL typo (id BIGINT)' };
    await expect(storage.migrate('test', [counters, broken])).rejects.toThrow(/CREATE TABL typo/);
    await storage.migrate('test', [counters, { ...broken, sql: 'CREATE TABLE half (id BIGINT)' }]);
    expect(await storage.query('SELECT id FROM half')).toEqual([]);
  });

  it('gives identities that ascend', async () => {
    const storage = await openWithTables(newUrl());
    const add = () => storage.query<{ id: bigint }>("INSERT INTO entry (note) VALUES ('a') RETURNING id");
    const ids: bigint[] = [];
    for (let count = 0; count < 3; count += 1) ids.push(...(await add()).map((row) => row.id));
    await storage.execute('DELETE FROM entry');
    ids.push(...(await add()).map((row) => row.id));
    expect(ids).toEqual([1n, 2n, 3n, 4n]);
  });
}

function lifeContract(newUrl: NewDatabaseUrl): void {
  it('says that it answers until it is closed, and refuses everything then', async () => {
    const storage = await openWithTables(newUrl());
    await expect(storage.check()).resolves.toBeUndefined();
    await storage.close();
    const unavailable = { code: 14, reason: 'STORAGE_UNAVAILABLE' };
    await expect(storage.check()).rejects.toMatchObject(unavailable);
    await expect(storage.transaction(async () => 1)).rejects.toMatchObject(unavailable);
    await expect(storage.migrate('test', [counters])).rejects.toMatchObject(unavailable);
    await expect(storage.close()).resolves.toBeUndefined();
  });

  it('closes only after the transactions under way', async () => {
    const url = newUrl();
    const storage = await openWithTables(url);
    const inserts = Array.from({ length: 20 }, (_, index) => storage.execute(...insert(`${index}`, 1n)));
    await storage.close();
    expect(await Promise.all(inserts)).toEqual(inserts.map(() => 1));
    expect(await (await open(url)).query('SELECT count(*) AS rows FROM counter')).toEqual([{ rows: 20n }]);
  });
}
