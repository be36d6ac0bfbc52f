import type { Queryable, Row, SqlValue, Transaction } from '../storage/storage.ts';
import type { ProjectionTable } from './projection.ts';

// Powers of two, so that writes of every size share few prepared statements.
const mostRows = 64;
const mostValues = 512;

/**
 * Writes rows of a generation, each the values of the key's columns and then of the others; a row whose key is there is
 * replaced. No key twice in one call.
 */
export async function writeRows(
  tx: Transaction,
  { table, key, values }: ProjectionTable,
  generation: bigint,
  rows: readonly (readonly SqlValue[])[],
): Promise<void> {
  const columns = ['generation', ...key, ...values];
  const replaced = values.map((column) => `${column} = excluded.${column}`).join(', ');
  const conflict = replaced === '' ? 'NOTHING' : `UPDATE SET ${replaced}`;
  for (let start = 0; start < rows.length; ) {
    const size = Math.min(mostRows, 2 ** Math.floor(Math.log2(rows.length - start)));
    const params = rows.slice(start, start + size).flatMap((row) => [generation, ...row]);
    const tuple = (index: number): string =>
      `(${columns.map((_, at) => `$${index * columns.length + at + 1}`).join(', ')})`;
    await tx.execute(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${Array.from({ length: size }, (_, index) => tuple(index)).join(', ')}
       ON CONFLICT (${['generation', ...key].join(', ')}) DO ${conflict}`,
      params,
    );
    start += size;
  }
}

/** The rows of a generation of which the key's first column is among `values`, which are text, and other columns are as `where` says. */
export async function readRows<R extends Row>(
  db: Queryable,
  { table, key }: ProjectionTable,
  generation: bigint,
  values: readonly string[],
  where: Readonly<Record<string, SqlValue>> = {},
): Promise<R[]> {
  const rows: R[] = [];
  for (let start = 0; start < values.length; start += mostValues) {
    // As a list to join with: PostgreSQL would compare every row with every value of an IN.
    const params = paddedWithNull(values.slice(start, start + mostValues));
    const wanted = params.map((_, index) => `($${index + 1})`).join(', ');
    const conditions = Object.keys({ generation, ...where }).map(
      (column, index) => `found.${column} = $${params.length + index + 1}`,
    );
    const sql = `SELECT found.* FROM (VALUES ${wanted}) AS wanted
      JOIN ${table} AS found ON found.${key[0]} = wanted.column1 AND ${conditions.join(' AND ')}`;
    rows.push(...(await db.query<R>(sql, [...params, generation, ...Object.values(where)])));
  }
  return rows;
}

/** To a power of two, so that lists of every length share few prepared statements; NULL joins with nothing. */
function paddedWithNull(values: readonly string[]): SqlValue[] {
  const length = 2 ** Math.ceil(Math.log2(values.length));
  return [...values, ...Array.from({ length: length - values.length }, () => null)];
}
