import type { Queryable, Storage } from '../../storage/storage.ts';
import { lockLive } from './generation-table.ts';
import type { Projection, ProjectionTable } from './projection.ts';

/** The view that queries read: the rows of the table that belong to the live generation, without that column. */
export function liveViewOf(table: string): string {
  return `${table}_live`;
}

/**
 * Creates the views of a projection's tables, or replaces those that an earlier program created with other columns. Safe
 * with several processes starting at a time. A view reads `projection_generation`, so a rebuild changes what it shows in
 * the transaction that switches generations.
 */
export async function createLiveViews(storage: Storage, { name, tables }: Projection): Promise<void> {
  for (const table of tables) {
    const sql = definitionOf(name, table);
    if ((await storedDefinition(storage, storage.dialect, table)) === sql) continue;
    await storage.transaction(async (tx) => {
      // Processes that start at the same time wait here for one another.
      await lockLive(tx, name);
      if ((await storedDefinition(tx, storage.dialect, table)) === sql) return;
      await tx.execute(`DROP VIEW IF EXISTS ${liveViewOf(table.table)}`);
      await tx.execute(sql);
      if (storage.dialect === 'postgres') {
        await tx.execute(`COMMENT ON VIEW ${liveViewOf(table.table)} IS '${sql.replaceAll("'", "''")}'`);
      }
    });
  }
}

function definitionOf(name: string, { table, key, values }: ProjectionTable): string {
  const live = `SELECT generation FROM projection_generation WHERE name = '${name}' AND state = 'live'`;
  return `CREATE VIEW ${liveViewOf(table)} AS SELECT ${[...key, ...values].join(', ')} FROM ${table} WHERE generation = (${live})`;
}

/** The statement that created a view; PostgreSQL keeps it as a comment, since it rewrites the view's definition. */
async function storedDefinition(
  db: Queryable,
  dialect: Storage['dialect'],
  { table }: ProjectionTable,
): Promise<string | undefined> {
  const sql = {
    sqlite: `SELECT sql FROM sqlite_master WHERE type = 'view' AND name = $1`,
    postgres: `SELECT obj_description(to_regclass($1), 'pg_class') AS sql`,
  };
  const [row] = await db.query<{ sql: string | null }>(sql[dialect], [liveViewOf(table)]);
  return row?.sql ?? undefined;
}
