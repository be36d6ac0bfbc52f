import type { Row, SqlValue, Transaction } from '../../storage/storage.ts';
import type { ProjectionTable } from './projection.ts';

// Powers of two, so statements of every size share few prepared ones.
const maxKeysPerRead = 512;
const maxRowsPerWrite = 64;

// With its LIMIT, PostgreSQL looks up each key in the index. Otherwise it may scan the generation for every batch: a plan that
// was made while the table was empty stays in use while it grows.
const join = {
  sqlite: (table: string, matches: readonly string[]) => `JOIN ${table} AS found ON ${matches.join(' AND ')}`,
  postgres: (table: string, matches: readonly string[]) =>
    `CROSS JOIN LATERAL (SELECT * FROM ${table} WHERE ${matches.join(' AND ')} LIMIT 1) AS found`,
};

/** Reads the rows of a generation with these keys. Each key has a text for each column of the table's key, in order. */
export async function readRows<R extends Row>(
  tx: Transaction,
  table: ProjectionTable,
  generation: bigint,
  keys: readonly (readonly string[])[],
): Promise<R[]> {
  const { key } = table;
  const rows: R[] = [];
  for (let start = 0; start < keys.length; start += maxKeysPerRead) {
    const page = keys.slice(start, start + maxKeysPerRead);
    const count = 2 ** Math.ceil(Math.log2(page.length));
    // NULL joins with nothing.
    const params = Array.from({ length: count }, (_, index) => key.map((_, at) => page[index]?.[at] ?? null)).flat();
    const sql = statementOf(table, `read ${count} ${tx.dialect}`, () => {
      const matches = [
        `generation = $${params.length + 1}`,
        ...key.map((column, at) => `${column} = wanted.column${at + 1}`),
      ];
      return `SELECT found.* FROM (VALUES ${placeholders(count, key.length)}) AS wanted
        ${join[tx.dialect](table.table, matches)}`;
    });
    for (const row of await tx.query<R>(sql, [...params, generation])) rows.push(row);
  }
  return rows;
}

/**
 * Writes rows of a generation, each the values of the key's columns and then of the others; replaces a row whose key
 * exists, or only these columns of it: an index without any of them is then left alone. A key must occur once per call.
 */
export async function writeRows(
  tx: Transaction,
  table: ProjectionTable,
  generation: bigint,
  rows: readonly (readonly SqlValue[])[],
  columns: readonly string[] = table.values,
): Promise<void> {
  const replaced = columns.map((column) => `${column} = excluded.${column}`).join(', ');
  await insertRows(tx, table, generation, rows, replaced === '' ? 'NOTHING' : `UPDATE SET ${replaced}`);
}

/**
 * Inserts rows as `writeRows` does, and returns what the statement returns. `onConflict` is SQL for a row whose key
 * exists: `NOTHING RETURNING order_id`. Such a row is found by the primary key, no matter what the query planner knows of
 * the table, and is locked until the transaction ends.
 */
export async function insertRows<R extends Row>(
  tx: Transaction,
  table: ProjectionTable,
  generation: bigint,
  rows: readonly (readonly SqlValue[])[],
  onConflict: string,
): Promise<R[]> {
  const { key, values } = table;
  const columns = ['generation', ...key, ...values];
  const returned: R[] = [];
  for (let start = 0, size = 0; start < rows.length; start += size) {
    size = Math.min(maxRowsPerWrite, 2 ** Math.floor(Math.log2(rows.length - start)));
    const sql = statementOf(
      table,
      `insert ${size} ${onConflict}`,
      () => `INSERT INTO ${table.table} (${columns.join(', ')}) VALUES ${placeholders(size, columns.length)}
       ON CONFLICT (${['generation', ...key].join(', ')}) DO ${onConflict}`,
    );
    const params = rows.slice(start, start + size).flatMap((row) => [generation, ...row]);
    for (const row of await tx.query<R>(sql, params)) returned.push(row);
  }
  return returned;
}

// By table: to write the text of a statement with many rows takes longer than to run it.
const statements = new WeakMap<ProjectionTable, Map<string, string>>();

/** Returns the text of a statement for a table, which `build` writes once. `name` is everything that it depends on. */
function statementOf(table: ProjectionTable, name: string, build: () => string): string {
  let ofTable = statements.get(table);
  if (ofTable === undefined) {
    ofTable = new Map();
    statements.set(table, ofTable);
  }
  let sql = ofTable.get(name);
  if (sql === undefined) {
    sql = build();
    ofTable.set(name, sql);
  }
  return sql;
}

/** `($1, $2), ($3, $4)`. */
function placeholders(rowCount: number, columnCount: number): string {
  const rows = Array.from({ length: rowCount }, (_, row) =>
    Array.from({ length: columnCount }, (_, column) => `$${row * columnCount + column + 1}`).join(', '),
  );
  return rows.map((row) => `(${row})`).join(', ');
}
