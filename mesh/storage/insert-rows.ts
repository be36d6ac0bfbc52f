import type { SqlValue, Transaction } from './storage.ts';

/**
 * Runs an INSERT of one row, and returns the value of its `{{identity}}` column, which has this name; `undefined` if the row was not
 * added. On SQLite, `RETURNING` would take twice the time.
 */
export async function insertRow(
  tx: Transaction,
  sql: string,
  params: readonly SqlValue[],
  identity: string,
): Promise<bigint | undefined> {
  if (tx.insert !== undefined) return await tx.insert(sql, params);
  const [row] = await tx.query<{ identity: bigint }>(`${sql} RETURNING ${identity} AS identity`, params);
  return row?.identity;
}

const maxRowsInStatement = 32;

/**
 * Inserts many rows in few statements, and returns how many were added. Their numbers of rows are powers of two, so few
 * statements are prepared. All are started together, so PostgreSQL gets them in one message. `onConflict` is SQL for rows that
 * exist. Default: they are an error.
 */
export async function insertMany(
  tx: Transaction,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly SqlValue[])[],
  onConflict = '',
): Promise<number> {
  const inserting: Promise<number>[] = [];
  for (let from = 0; from < rows.length; ) {
    const count = Math.min(maxRowsInStatement, 2 ** Math.floor(Math.log2(rows.length - from)));
    const sql = insertion(table, columns, count, onConflict);
    inserting.push(tx.execute(sql, rows.slice(from, from + count).flat()));
    from += count;
  }
  return (await Promise.all(inserting)).reduce((sum, added) => sum + added, 0);
}

const insertions = new Map<string, string>();

function insertion(table: string, columns: readonly string[], count: number, onConflict: string): string {
  const name = `${table} (${columns.join(', ')}) ${count} ${onConflict}`;
  let sql = insertions.get(name);
  if (sql === undefined) {
    let next = 1;
    const row = () => `(${columns.map(() => `$${next++}`).join(', ')})`;
    const rows = Array.from({ length: count }, row).join(', ');
    sql = `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${rows} ${onConflict}`;
    insertions.set(name, sql);
  }
  return sql;
}
