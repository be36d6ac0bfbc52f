import type { Row, SqlValue, Storage, Transaction } from '../../../storage/storage.ts';
import { yieldToCalls } from '../../../time/yield-to-event-loop.ts';
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

// A page, and a portion of rows to delete, blocks others for some milliseconds.
const pageSize = 200;

/**
 * Reads a page of rows of two generations, in one transaction that sees both at the same position. Returns the pairs and the
 * next cursor, `undefined` at the end. Its cost does not depend on how many rows follow.
 */
export async function readPairs(
  tx: Transaction,
  table: ProjectionTable,
  generations: { readonly live: bigint; readonly rebuilt: bigint },
  after: KeyCursor,
): Promise<{ readonly pairs: readonly RowPair[]; readonly next: KeyCursor }> {
  const keyList = table.key.join(', ');
  const columns = ['generation', ...table.key, ...table.values].join(', ');
  const params: SqlValue[] = [generations.live, generations.rebuilt];
  const afterKey = after === undefined ? '' : ` AND (${keyList}) > (${placeholders(params, after)})`;
  // Each generation has its own range of the primary key. A condition on both at once would sort all of their rows.
  const keysOf = (generation: string) =>
    `SELECT * FROM (SELECT ${keyList} FROM ${table.table} WHERE generation = ${generation}${afterKey}
       ORDER BY ${keyList} LIMIT ${pageSize}) AS page`;
  const keys = await tx.query(`${keysOf('$1')} UNION ${keysOf('$2')} ORDER BY ${keyList} LIMIT ${pageSize}`, params);
  const last = keys.at(-1);
  if (last === undefined) return { pairs: [], next: undefined };
  const lastKey = table.key.map((column) => last[column] ?? null);
  const upToKey = ` AND (${keyList}) <= (${placeholders(params, lastKey)})`;
  const rowsOf = (generation: string) =>
    `SELECT ${columns} FROM ${table.table} WHERE generation = ${generation}${afterKey}${upToKey}`;
  const rows = await tx.query(`${rowsOf('$1')} UNION ALL ${rowsOf('$2')} ORDER BY ${keyList}`, params);
  return { pairs: pairUp(rows, table, generations.live), next: keys.length < pageSize ? undefined : lastKey };
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
  for (const { table, key } of tables) {
    await deletePortions(storage, { table, key, where: 'generation = $1', params: [generation] }, signal);
  }
  const where = 'generation = $1 AND name = $2';
  await deletePortions(
    storage,
    { table: 'parked_event', key: ['position'], where, params: [generation, name] },
    signal,
  );
}

interface Deletion {
  readonly table: string;
  /** The columns that, after those of `where`, are a unique key. */
  readonly key: readonly string[];
  readonly where: string;
  readonly params: readonly SqlValue[];
}

/** Deletes rows in the order of their key. Each portion starts after the one before: what was deleted is not read again. */
async function deletePortions(
  storage: Storage,
  { table, key, where, params: common }: Deletion,
  signal: AbortSignal,
): Promise<void> {
  const keyList = key.join(', ');
  for (let after: KeyCursor; ; ) {
    signal.throwIfAborted();
    const params = [...common];
    const afterKey: string = after === undefined ? '' : ` AND (${keyList}) > (${placeholders(params, after)})`;
    const [last]: Row[] = await storage.query(
      `SELECT ${keyList} FROM ${table} WHERE ${where}${afterKey} ORDER BY ${keyList} LIMIT 1 OFFSET ${pageSize - 1}`,
      params,
    );
    after = last && key.map((column) => last[column] ?? null);
    const upToKey = after === undefined ? '' : ` AND (${keyList}) <= (${placeholders(params, after)})`;
    const sql = `DELETE FROM ${table} WHERE ${where}${afterKey}${upToKey}`;
    // Rows that a crash restores are deleted at the next start.
    await storage.transaction((tx) => tx.execute(sql, params), { flush: false });
    if (after === undefined) return;
    await yieldToCalls();
  }
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
