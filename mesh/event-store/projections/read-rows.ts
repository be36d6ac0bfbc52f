import { paddedList } from '../../storage/sql.ts';
import type { Queryable, Row, SqlValue } from '../../storage/storage.ts';
import type { ProjectionTable } from './projection.ts';

const mostValues = 512;

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
    // Padded with NULL, which joins with nothing.
    const { params } = paddedList(values.slice(start, start + mostValues), null);
    const wanted = params.map((_, index) => `($${index + 1})`).join(', ');
    const conditions = Object.keys({ generation, ...where }).map(
      (column, index) => `found.${column} = $${params.length + index + 1}`,
    );
    const sql = `SELECT found.* FROM (VALUES ${wanted}) AS wanted
      JOIN ${table} AS found ON found.${key[0]} = wanted.column1 AND ${conditions.join(' AND ')}`;
    for (const row of await db.query<R>(sql, [...params, generation, ...Object.values(where)])) rows.push(row);
  }
  return rows;
}
