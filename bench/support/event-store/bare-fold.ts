import type { SqlValue } from '../../../mesh/storage/storage.ts';
import type { BareDatabase } from './bare-database.ts';

interface EventRow {
  readonly position: bigint | string;
  readonly stream: string;
  readonly version: bigint | string;
  readonly type: string;
  readonly data: string;
  readonly time_ms: bigint | string;
}

interface Balance {
  readonly sum: bigint;
  readonly version: SqlValue;
  readonly timeMs: SqlValue;
}

const pageSize = 500;
const stream = 'account-';

/**
 * Computes the balances of all accounts in the simplest way: reads the events page by page, sums both sides of each in memory,
 * and writes the rows of `generation` at the end.
 */
export async function foldBare(bare: BareDatabase, generation: bigint): Promise<void> {
  const balances = new Map<string, Balance>();
  let last: SqlValue = 0n;
  for (;;) {
    const page: EventRow[] = await bare.query<EventRow>(
      `SELECT position, stream, version, type, schema_version, data, correlation_id, time_ms, checksum FROM event
       WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3`,
      [last, 2n ** 63n - 1n, BigInt(pageSize)],
    );
    for (const row of page) addTo(balances, row);
    if (page.length < pageSize) break;
    last = page.at(-1)?.position ?? last;
  }
  await write(bare, generation, balances);
}

function addTo(balances: Map<string, Balance>, row: EventRow): void {
  const { amount, counterpart } = JSON.parse(row.data);
  const moved = amount === undefined ? 0n : BigInt(amount.minorUnits);
  const sign = row.type === 'MONEY_WITHDRAWN' ? -1n : 1n;
  const add = (id: string, sum: bigint, version: SqlValue) => {
    balances.set(id, { sum: (balances.get(id)?.sum ?? 0n) + sum, version, timeMs: row.time_ms });
  };
  add(row.stream.slice(stream.length), sign * moved, row.version);
  if (counterpart !== undefined) add(counterpart, -sign * moved, 0n);
}

async function write(bare: BareDatabase, generation: bigint, balances: ReadonlyMap<string, Balance>): Promise<void> {
  const columns = ['generation', 'account_id', 'currency_code', 'balance', 'version', 'update_time'];
  const rows = [...balances].map(([id, { sum, version, timeMs }]) => {
    return [generation, id, 'EUR', sum.toString(), version, timeMs];
  });
  const tuple = (index: number) => `(${columns.map((_, at) => `$${index * columns.length + at + 1}`).join(', ')})`;
  await bare.query(
    `INSERT INTO account_balances (${columns.join(', ')}) VALUES ${rows.map((_, index) => tuple(index)).join(', ')}`,
    rows.flat(),
  );
}
