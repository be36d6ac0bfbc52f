import type { Row, SqlValue, Transaction } from '../../storage/storage.ts';
import type { ProjectionTable } from './projection.ts';

// Powers of two, so that writes of every size share few prepared statements.
const mostRows = 64;

/**
 * Writes rows of a generation, each the values of the key's columns and then of the others; a row whose key is there is
 * replaced. No key twice in one call.
 */
export async function writeRows(
  tx: Transaction,
  table: ProjectionTable,
  generation: bigint,
  rows: readonly (readonly SqlValue[])[],
): Promise<void> {
  const replaced = table.values.map((column) => `${column} = excluded.${column}`).join(', ');
  await insertRows(tx, table, generation, rows, replaced === '' ? 'NOTHING' : `UPDATE SET ${replaced}`);
}

/**
 * Inserts rows as `writeRows` does, and resolves with what the statement returns. `onConflict` is SQL that says what becomes
 * of a row whose key is there: `NOTHING RETURNING order_id`. Found by the primary key alone, whatever a query planner thinks
 * of the table, and locked until the transaction ends.
 */
export async function insertRows<R extends Row>(
  tx: Transaction,
  { table, key, values }: ProjectionTable,
  generation: bigint,
  rows: readonly (readonly SqlValue[])[],
  onConflict: string,
): Promise<R[]> {
  const columns = ['generation', ...key, ...values];
  const returned: R[] = [];
  for (let start = 0, size = 0; start < rows.length; start += size) {
    size = Math.min(mostRows, 2 ** Math.floor(Math.log2(rows.length - start)));
    const sql = `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${placeholders(size, columns.length)}
       ON CONFLICT (${['generation', ...key].join(', ')}) DO ${onConflict}`;
    const params = rows.slice(start, start + size).flatMap((row) => [generation, ...row]);
    for (const row of await tx.query<R>(sql, params)) returned.push(row);
  }
  return returned;
}

/** `($1, $2), ($3, $4)`. */
function placeholders(rowCount: number, columnCount: number): string {
  const rows = Array.from({ length: rowCount }, (_, row) =>
    Array.from({ length: columnCount }, (_, column) => `$${row * columnCount + column + 1}`).join(', '),
  );
  return rows.map((row) => `(${row})`).join(', ');
}
