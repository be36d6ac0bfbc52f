import { expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../../../storage/open.ts';
import type { Storage, Transaction } from '../../../storage/storage.ts';
import { describeOnEachDatabase } from '../../../testing/databases.ts';
import type { Projection, ProjectionTable } from '../projection.ts';
import { clearGeneration, type KeyCursor, type RowPair, readPairs } from './generation-rows.ts';

const table: ProjectionTable = { table: 'entry', key: ['account', 'month'], values: ['total'] };
const generations = { live: 1n, rebuilt: 2n };

describeOnEachDatabase((newUrl) => {
  async function openTable(): Promise<Storage> {
    const storage = await openStorage(newUrl());
    onTestFinished(() => storage.close());
    const columns = 'generation BIGINT NOT NULL, account TEXT NOT NULL, month TEXT NOT NULL, total BIGINT NOT NULL';
    const sql = `CREATE TABLE entry (${columns}, PRIMARY KEY (generation, account, month));
      CREATE TABLE parked_event (id TEXT PRIMARY KEY, name TEXT NOT NULL, generation BIGINT NOT NULL, position BIGINT NOT NULL)`;
    await storage.migrate('entry', [{ name: '0001-init', sql }]);
    return storage;
  }

  /** Adds rows with three months for each account. */
  async function addRows(storage: Storage, generation: number, numbers: Iterable<number>): Promise<void> {
    const rows = [...numbers].map((number) => {
      const account = `account-${String(Math.floor(number / 3)).padStart(7, '0')}`;
      return `(${generation}, '${account}', '2026-0${1 + (number % 3)}', ${number})`;
    });
    await storage.transaction(async (tx) => {
      for (let start = 0; start < rows.length; start += 1_000) {
        await tx.execute(`INSERT INTO entry VALUES ${rows.slice(start, start + 1_000).join(', ')}`);
      }
    });
  }

  /** Adds the same rows to both generations. */
  async function addBoth(storage: Storage, count: number): Promise<void> {
    const numbers = Array.from({ length: count }, (_, number) => number);
    for (const generation of [1, 2]) await addRows(storage, generation, numbers);
  }

  async function allPairs(storage: Storage): Promise<RowPair[]> {
    const found: RowPair[] = [];
    let cursor: KeyCursor;
    do {
      const read = (tx: Transaction) => readPairs(tx, table, generations, cursor);
      const { pairs, next } = await storage.transaction(read);
      found.push(...pairs);
      cursor = next;
    } while (cursor !== undefined);
    return found;
  }

  it('pairs the rows of both generations by their keys, in order, page by page', async () => {
    const storage = await openTable();
    const numbers = Array.from({ length: 3_000 }, (_, number) => number);
    await addRows(
      storage,
      1,
      numbers.filter((number) => number % 7 !== 0),
    );
    await addRows(
      storage,
      2,
      numbers.filter((number) => number < 700 || number % 5 !== 0),
    );
    await addRows(storage, 3, numbers);
    const pairs = await allPairs(storage);
    const expected = numbers.filter((number) => number % 7 !== 0 || number < 700 || number % 5 !== 0);
    expect(pairs.map(({ live, rebuilt }) => Number((live ?? rebuilt)?.slice('total='.length)))).toEqual(expected);
    expect(pairs.filter(({ live }) => live === undefined)).toHaveLength(expected.filter((n) => n % 7 === 0).length);
    const lacking = expected.filter((number) => number >= 700 && number % 5 === 0);
    expect(pairs.filter(({ rebuilt }) => rebuilt === undefined)).toHaveLength(lacking.length);
  });

  it('clears one generation and leaves the others', async () => {
    const storage = await openTable();
    const numbers = Array.from({ length: 1_700 }, (_, number) => number);
    for (const generation of [1, 2, 3]) await addRows(storage, generation, numbers);
    const parked = [1, 2].flatMap((generation) =>
      numbers.map((n) => `('${generation}-${n}', 'entries', ${generation}, ${n})`),
    );
    await storage.execute(`INSERT INTO parked_event VALUES ${parked.join(', ')}`);
    const projection = {
      name: 'entries',
      version: 1,
      tables: [table],
      apply: async () => undefined,
    } satisfies Projection;
    await clearGeneration(storage, projection, 2n, new AbortController().signal);
    const count = 'SELECT generation, COUNT(*) AS rows FROM';
    expect(await storage.query(`${count} entry GROUP BY generation ORDER BY generation`)).toEqual([
      { generation: 1n, rows: 1_700n },
      { generation: 3n, rows: 1_700n },
    ]);
    expect(await storage.query(`${count} parked_event GROUP BY generation`)).toEqual([
      { generation: 1n, rows: 1_700n },
    ]);
  });

  // On SQLite the time shows what a page costs, on PostgreSQL the rows that its plan reads.
  it.each([
    ['first', () => undefined],
    ['middle', (count: number) => [`account-${String(count / 6).padStart(7, '0')}`, '2026-01']],
  ])('reads the %s page of a large table at the cost of one of a small table', async (_, cursorIn) => {
    const large = await openTable();
    if (large.dialect === 'postgres') {
      await addBoth(large, 30_000);
      expect(await rowsOfPage(large, cursorIn(30_000))).toBeLessThanOrEqual(1_000);
      return;
    }
    const small = await openTable();
    await addBoth(small, 900);
    await addBoth(large, 90_000);
    const smallMs = await fastestMs(small, cursorIn(900));
    expect(await fastestMs(large, cursorIn(90_000))).toBeLessThan(8 * smallMs);
  });
});

/** The time of a page. The fastest of several: others use the machine, too. */
async function fastestMs(storage: Storage, cursor: KeyCursor): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const startMs = performance.now();
    const { pairs } = await storage.transaction((tx) => readPairs(tx, table, generations, cursor));
    times.push(performance.now() - startMs);
    expect(pairs).toHaveLength(200);
  }
  return Math.min(...times);
}

interface PlanNode {
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

/** How many rows PostgreSQL reads from its tables for a page. */
async function rowsOfPage(storage: Storage, cursor: KeyCursor): Promise<number> {
  await storage.execute('ANALYZE entry');
  let rows = 0;
  await storage.transaction(async (tx) => {
    const explaining: Pick<Transaction, 'query'> = {
      async query(sql, params) {
        const [explained] = await tx.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`, params);
        const [{ Plan }] = JSON.parse(String(explained?.['QUERY PLAN'])) as [{ readonly Plan: PlanNode }];
        rows += rowsReadBy(Plan);
        return tx.query(sql, params);
      },
    };
    const { pairs } = await readPairs({ ...tx, ...explaining }, table, generations, cursor);
    expect(pairs).toHaveLength(200);
  });
  return rows;
}

function rowsReadBy(node: PlanNode): number {
  if (node.Plans !== undefined) return node.Plans.reduce((sum, child) => sum + rowsReadBy(child), 0);
  return (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
}
