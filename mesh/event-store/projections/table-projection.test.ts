import { describe, expect, it } from 'vitest';
import type { Queryable, Row, Storage } from '../../storage/storage.ts';
import { describeOnEachDatabase, type NewDatabaseUrl } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { added as addedInFirstVersion, openStore } from '../testing/fixture.ts';
import { type Added, sumDefinition } from '../testing/sums.ts';
import { makeProjector } from '../testing/totals.ts';
import type { Projection } from './projection.ts';
import { type AggregateEvent, tableProjection } from './table-projection.ts';

interface Sum {
  readonly id: string;
  readonly parity: string;
  readonly sum: bigint;
}

interface SumRow extends Row {
  readonly id: string;
  readonly parity: string;
  readonly sum: string;
}

const table = {
  table: 'sums',
  key: ['id', 'parity'] as const,
  values: ['sum'] as const,
  encode: ({ id, parity, sum }: Sum): SumRow => ({ id, parity, sum: sum.toString() }),
  decode: ({ id, parity, sum }: SumRow): Sum => ({ id, parity, sum: BigInt(sum) }),
};
const parityOf = (amount: bigint): string => (amount % 2n === 0n ? 'even' : 'odd');

/** The sum of the even amounts and that of the odd ones, of each aggregate. */
const byParity = tableProjection({
  name: 'by-parity',
  version: 1,
  of: sumDefinition,
  ...table,
  keyOf: ({ id, body }) => [id, parityOf(body.amount)],
  evolve: (item: Sum | undefined, { id, body }) => {
    // A negative amount changes nothing.
    if (item && body.amount < 0n) return item;
    return { id, parity: parityOf(body.amount), sum: (item?.sum ?? 0n) + body.amount };
  },
});

/** Adds each amount to its aggregate, and subtracts it from `total`. */
const twoSided = tableProjection({
  name: 'two-sided',
  version: 1,
  of: sumDefinition,
  ...table,
  changesOf: ({ id, body: { amount } }: AggregateEvent<Added>) => [
    { id, parity: 'any', sum: amount },
    { id: 'total', parity: 'any', sum: -amount },
  ],
  keyOf: ({ id, parity }) => [id, parity],
  evolve: (item: Sum | undefined, change) => ({ ...change, sum: (item?.sum ?? 0n) + change.sum }),
});

/** The sum of the amounts of an aggregate, and the first of them. */
const withFirst = tableProjection({
  name: 'with-first',
  version: 1,
  of: sumDefinition,
  ...table,
  values: ['sum', 'first'],
  encode: ({ first, ...sum }: Sum & { readonly first: string }) => ({ ...table.encode(sum), first }),
  decode: (row: SumRow & { readonly first: string }) => ({ ...table.decode(row), first: row.first }),
  keyOf: ({ id }) => [id, 'any'],
  evolve: (item: (Sum & { readonly first: string }) | undefined, { id, body: { amount } }) =>
    item ? { ...item, sum: item.sum + amount } : { id, parity: 'any', sum: amount, first: String(amount) },
});

const all = 'ORDER BY id, parity';
/** In the current schema version of sums. */
const added = (amount: number) => ({ ...addedInFirstVersion(amount), schemaVersion: 2 });

async function openSums(url: string, projection: Projection) {
  const opened = await openStore(url);
  const sql =
    'CREATE TABLE sums (generation BIGINT NOT NULL, id TEXT NOT NULL, parity TEXT NOT NULL, sum TEXT NOT NULL, first TEXT, PRIMARY KEY (generation, id, parity))';
  await opened.storage.migrate('sums', [{ name: '0001-init', sql }]);
  return { ...opened, projector: await makeProjector(opened, projection) };
}

function tableProjectionSuite(newUrl: NewDatabaseUrl): void {
  it('folds the events of its aggregates into rows', async () => {
    const { storage, store, projector } = await openSums(newUrl(), byParity);
    await store.append('sum-a', 0n, [added(1), added(2), added(3)]);
    await store.append('other-a', 0n, added(100));
    await projector.start();
    await eventually(async () => expect(await byParity.select(storage, all)).toHaveLength(2));
    await store.append('sum-a', 3n, added(4));
    await store.append('sum-b', 0n, added(5));
    const rows = [
      { id: 'a', parity: 'even', sum: 6n },
      { id: 'a', parity: 'odd', sum: 4n },
      { id: 'b', parity: 'odd', sum: 5n },
    ];
    await eventually(async () => expect(await byParity.select(storage, all)).toEqual(rows));
    await expect(byParity.select(storage, 'WHERE id = $1', ['b'])).resolves.toEqual([rows[2]]);
  });

  it('changes several rows by one event', async () => {
    const { storage, store, projector } = await openSums(newUrl(), twoSided);
    await projector.start();
    await store.append('sum-a', 0n, [added(1), added(2)]);
    await store.append('sum-b', 0n, added(4));
    const rows = [
      { id: 'a', parity: 'any', sum: 3n },
      { id: 'b', parity: 'any', sum: 4n },
      { id: 'total', parity: 'any', sum: -7n },
    ];
    await eventually(async () => expect(await twoSided.select(storage, all)).toEqual(rows));
  });

  it('reads and writes each row of a large batch once', async () => {
    const { storage } = await openSums(newUrl(), byParity);
    const events = Array.from({ length: 1_000 }, (_, index) => {
      const stream = `sum-${Math.floor(index / 2)}`;
      return { ...added(index), stream, version: BigInt(1 + (index % 2)), position: BigInt(index + 1) };
    });
    // 1,000 keys in pages of 512; 1,000 rows in 15 statements of 64, and one each of 32 and 8.
    await expect(applyCounted(storage, events)).resolves.toEqual({ reads: 2, writes: 17 });
    expect(await byParity.select(storage, all)).toHaveLength(1_000);
  });

  it('does not write a row that an event leaves as it is', async () => {
    const { storage, store } = await openSums(newUrl(), byParity);
    await store.append('sum-a', 0n, [added(2), added(-2)]);
    const [first, second] = await store.readAll(0n, 2);
    if (!first || !second) throw new Error('the events are missing');
    await applyCounted(storage, [first]);
    await expect(applyCounted(storage, [second])).resolves.toEqual({ reads: 1, writes: 0 });
  });

  it('writes only the columns of a row that an event changes', async () => {
    const { storage, store } = await openSums(newUrl(), withFirst);
    await store.append('sum-a', 0n, [added(2), added(3)]);
    await store.append('sum-b', 0n, added(7));
    const [first, ...others] = await store.readAll(0n, 3);
    if (!first) throw new Error('the events are missing');
    await apply(withFirst, storage, [first]);
    const [, ...writes] = await apply(withFirst, storage, others);
    expect(writes.map((sql) => sql.split(' DO ')[1])).toEqual([
      'UPDATE SET sum = excluded.sum',
      'UPDATE SET sum = excluded.sum, first = excluded.first',
    ]);
    await expect(withFirst.select(storage, all)).resolves.toEqual([
      { id: 'a', parity: 'any', sum: 5n, first: '2' },
      { id: 'b', parity: 'any', sum: 7n, first: '7' },
    ]);
  });

  async function applyCounted(storage: Storage, events: Parameters<Projection['apply']>[2]) {
    const statements = await apply(byParity, storage, events);
    const reads = statements.filter((sql) => sql.startsWith('SELECT')).length;
    return { reads, writes: statements.length - reads };
  }

  /** Returns the statements. */
  async function apply(projection: Projection, storage: Storage, events: Parameters<Projection['apply']>[2]) {
    const statements: string[] = [];
    await storage.transaction(async (tx) => {
      const query: Queryable['query'] = (sql, params) => {
        statements.push(sql);
        return tx.query(sql, params);
      };
      await projection.apply({ ...tx, query }, 1n, events);
    });
    return statements;
  }
}

describe('a projection into a table', () => {
  describeOnEachDatabase(tableProjectionSuite);
});
