import type { Row, SqlValue, Storage, Transaction } from '../../../storage/storage.ts';
import type { Projection, ProjectionTable, RowDifference } from '../projection.ts';

/** The rows of two generations with the same key. */
export interface RowPair {
  /** The table and the key. */
  readonly key: string;
  readonly live: string | undefined;
  readonly rebuilt: string | undefined;
}

/** Comparison continues after this key; `undefined`: at the start of the table. */
export type KeyCursor = readonly SqlValue[] | undefined;

const pageSize = 500;

/**
 * Reads a page of rows of two generations, in one transaction that sees both at the same position. Returns the pairs and the
 * next cursor, `undefined` at the end.
 */
export async function readPairs(
  tx: Transaction,
  table: ProjectionTable,
  generations: { readonly live: bigint; readonly rebuilt: bigint },
  after: KeyCursor,
): Promise<{ readonly pairs: readonly RowPair[]; readonly next: KeyCursor }> {
  const { live, rebuilt } = generations;
  const keyList = table.key.join(', ');
  const params: SqlValue[] = [live, rebuilt];
  const afterKey = after === undefined ? '' : ` AND (${keyList}) > (${placeholders(params, after)})`;
  const keys = await tx.query(
    `SELECT DISTINCT ${keyList} FROM ${table.table} WHERE generation IN ($1, $2)${afterKey}
     ORDER BY ${keyList} LIMIT ${pageSize}`,
    params,
  );
  const last = keys.at(-1);
  if (last === undefined) return { pairs: [], next: undefined };
  const lastKey = table.key.map((column) => last[column] ?? null);
  const rows = await tx.query(
    `SELECT generation, ${[...table.key, ...table.values].join(', ')} FROM ${table.table}
     WHERE generation IN ($1, $2)${afterKey} AND (${keyList}) <= (${placeholders(params, lastKey)}) ORDER BY ${keyList}`,
    params,
  );
  return { pairs: pairUp(rows, table, live), next: keys.length < pageSize ? undefined : lastKey };
}

/** Returns the difference between two rows; `undefined` if they are equal. */
export function differenceOf({ key, live, rebuilt }: RowPair): RowDifference | undefined {
  return live === rebuilt ? undefined : { key, live, rebuilt };
}

/** Deletes the rows of a generation, in small portions that do not block others for long. */
export async function clearGeneration(
  storage: Storage,
  { name, tables }: Projection,
  generation: bigint,
  signal: AbortSignal,
): Promise<void> {
  const parked = { table: 'parked_event', where: 'name = $2 AND generation = $1', key: 'id', params: [name] };
  const ofTables = tables.map(({ table, key }) => ({
    table,
    where: 'generation = $1',
    key: ['generation', ...key].join(', '),
    params: [],
  }));
  for (const { table, where, key, params } of [...ofTables, parked]) {
    const sql = `DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM ${table} WHERE ${where} LIMIT ${pageSize})`;
    while (!signal.aborted && (await storage.execute(sql, [generation, ...params])) === pageSize);
  }
  signal.throwIfAborted();
}

function placeholders(params: SqlValue[], values: readonly SqlValue[]): string {
  return values.map((value) => `$${params.push(value)}`).join(', ');
}

function pairUp(rows: readonly Row[], { table, key, values }: ProjectionTable, live: bigint): RowPair[] {
  const pairs = new Map<string, { live: string | undefined; rebuilt: string | undefined }>();
  for (const row of rows) {
    const name = `${table} ${textOf(row, key)}`;
    const pair = pairs.get(name) ?? { live: undefined, rebuilt: undefined };
    pair[row.generation === live ? 'live' : 'rebuilt'] = textOf(row, values);
    pairs.set(name, pair);
  }
  return [...pairs].map(([name, pair]) => ({ key: name, ...pair }));
}

function textOf(row: Row, columns: readonly string[]): string {
  return columns.map((column) => `${column}=${valueText(row[column] ?? null)}`).join(' ');
}

function valueText(value: SqlValue): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
}
