import type { Queryable, SqlValue } from '../../../storage/storage.ts';
import type { Partition } from './partition.ts';
import { type RecordRow, recordChecksum } from './record.ts';

/** A row to insert, and its partition. */
export interface PlacedRow {
  readonly partition: Partition;
  readonly row: RecordRow;
}

const recordColumns = [
  'id',
  'time_ms',
  'reached_ms',
  'start_bytes',
  'key',
  'headers',
  'value',
  'skipped',
  'checksum',
  'payload',
];
const payloadColumns = ['seq', 'headers', 'value'];

/** Adds records with their checksums and payloads. */
export async function insertRecords(tx: Queryable, placed: readonly PlacedRow[]): Promise<void> {
  const records = placed.map(({ partition, row }) => {
    const { id, time_ms, reached_ms, start_bytes, key, headers, value, skipped, payload } = row;
    const checksum = recordChecksum(partition, row);
    return [id, time_ms, reached_ms, start_bytes, key, headers, value, skipped, checksum, payload];
  });
  const payloads = placed.flatMap(({ row: { payload, payload_headers, payload_value } }) =>
    payload === null ? [] : [[payload, payload_headers, payload_value]],
  );
  await insertRows(tx, 'record_payload', payloadColumns, payloads);
  await insertRows(tx, 'record', recordColumns, records);
}

const maxRowsInStatement = 32;

/** Inserts many rows in few statements. Their numbers of rows are powers of two, so few statements are prepared. */
async function insertRows(
  tx: Queryable,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly SqlValue[])[],
): Promise<void> {
  for (let from = 0; from < rows.length; ) {
    const count = Math.min(maxRowsInStatement, 2 ** Math.floor(Math.log2(rows.length - from)));
    await tx.execute(insertion(table, columns, count), rows.slice(from, from + count).flat());
    from += count;
  }
}

const insertions = new Map<string, string>();

function insertion(table: string, columns: readonly string[], count: number): string {
  const name = `${table} ${count}`;
  let sql = insertions.get(name);
  if (sql === undefined) {
    let next = 1;
    const row = () => `(${columns.map(() => `$${next++}`).join(', ')})`;
    sql = `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${Array.from({ length: count }, row).join(', ')}`;
    insertions.set(name, sql);
  }
  return sql;
}
