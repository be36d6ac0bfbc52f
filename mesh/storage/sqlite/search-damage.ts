import { MeshError } from '../../errors/mesh-error.ts';
import { createBreath } from '../../telemetry/breath.ts';
import type { DamageSearch } from '../damage-search.ts';
import type { Queryable } from '../storage.ts';

/** Up to this size the structure of the file is looked at as a whole, which holds everything up for about 16 ms. */
const maxWholeBytes = 16n * 1024n * 1024n;
const rowsInStep = 200;

/**
 * Searches a SQLite database: the structure of a small file with its indexes, and every row of all tables, in steps of 5 ms.
 * What cannot be read ends the search of its table. A row that reads well may still say something else than was written.
 */
export function searchDamage(database: Queryable, damaged: (text: string) => MeshError): DamageSearch {
  return async function* search(examined) {
    const breathe = createBreath();
    const [size] = await database.query<{ bytes: bigint }>(
      'SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()',
    );
    if ((size?.bytes ?? 0n) <= maxWholeBytes) {
      const [row] = await database.query<{ quick_check: string }>('SELECT quick_check FROM pragma_quick_check LIMIT 1');
      if (row?.quick_check !== 'ok') yield damaged(String(row?.quick_check));
    }
    const tables = await database.query<{ name: string }>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    );
    for (const { name } of tables) {
      await breathe();
      try {
        await readTable(database, name, async (rows) => {
          examined(rows);
          await breathe();
        });
      } catch (error) {
        if (!(error instanceof MeshError) || error.reason !== 'STORAGE_CORRUPT') throw error;
        yield error;
      }
    }
  };
}

async function readTable(database: Queryable, name: string, step: (rows: number) => Promise<void>): Promise<void> {
  const sql = `SELECT *, rowid AS row_place FROM "${name}" WHERE rowid > $1 ORDER BY rowid LIMIT ${rowsInStep}`;
  // Below every rowid, which begin with 1 or are far from this where one was chosen.
  for (let after: bigint | undefined = -1n; after !== undefined; ) {
    const rows: { readonly row_place: bigint }[] = await database.query<{ row_place: bigint }>(sql, [after]);
    await step(rows.length);
    after = rows.at(-1)?.row_place;
  }
}
