import type { Queryable, Storage, Transaction } from '../../storage/storage.ts';
import type { RecordedEvent } from '../event-store.ts';
import type { Projection, ProjectionTable } from '../projections/projection.ts';
import { readRows, writeRows } from '../projections/table-rows.ts';

const table: ProjectionTable = { table: 'totals', key: ['stream'], values: ['total', 'events'] };

/** Sums the amounts of each stream. Calls `seen` with each event first. */
export async function addUp(
  tx: Transaction,
  generation: bigint,
  events: readonly RecordedEvent[],
  seen: (event: RecordedEvent) => void,
): Promise<void> {
  const streams = [...new Set(events.map(({ stream }) => stream))].map((stream) => [stream]);
  const rows = await readRows<{ stream: string; total: string; events: bigint }>(tx, table, generation, streams);
  const sums = new Map(rows.map((row) => [row.stream, { total: BigInt(row.total), events: row.events }]));
  for (const event of events) {
    seen(event);
    const before = sums.get(event.stream) ?? { total: 0n, events: 0n };
    const total = before.total + BigInt(String(event.data.amount));
    sums.set(event.stream, { total, events: before.events + 1n });
  }
  const written = [...sums].map(([stream, sum]) => [stream, sum.total.toString(), sum.events]);
  await writeRows(tx, table, generation, written);
}

/** The projection of the tests, without its name and version. */
export const sumTotals: Pick<Projection, 'tables' | 'apply'> = {
  tables: [table],
  apply: (tx, generation, events) => addUp(tx, generation, events, () => undefined),
};

/** Creates the table of the projection. */
export function createTotalsTable(storage: Storage): Promise<void> {
  const sql =
    'CREATE TABLE totals (generation BIGINT NOT NULL, stream TEXT NOT NULL, total TEXT NOT NULL, events BIGINT NOT NULL, PRIMARY KEY (generation, stream))';
  return storage.migrate('totals', [{ name: '0001-init', sql }]);
}

/** Returns the total of each stream in the projection. */
export async function totalsOf(db: Queryable): Promise<Record<string, string>> {
  const rows = await db.query<{ stream: string; total: string }>(
    'SELECT stream, total FROM totals_live ORDER BY stream',
  );
  return Object.fromEntries(rows.map(({ stream, total }) => [stream, total]));
}
