import type { MeshError } from '../../errors/mesh-error.ts';
import { yieldEvery } from '../../time/yield-to-event-loop.ts';
import type { DatabaseSearch } from '../damage-search.ts';
import { storageCorrupt } from '../errors.ts';
import type { Queryable, Row } from '../storage.ts';

/** Up to this size the structure of the whole file is checked, which blocks everything for about 16 ms. */
const maxCheckedBytes = 16n * 1024n * 1024n;
const rowsInStep = 200;
/** A larger row is a step by itself. */
const bytesInStep = 256 * 1024;

interface Place {
  readonly row_place: bigint;
  readonly bytes: bigint;
}

/**
 * Searches a SQLite database: the structure of a small file with its indexes, and every row of all tables, in steps of 256 KiB
 * that block everything for some milliseconds. A row that cannot be read ends the search of its table. A row that can be read
 * may still differ from what was written.
 */
export function searchDamage(database: Queryable, damaged: (text: string) => MeshError): DatabaseSearch {
  return async function* search(examined, except = []) {
    const yieldToOthers = yieldEvery();
    const [size] = await database.query<{ bytes: bigint }>(
      'SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()',
    );
    if ((size?.bytes ?? 0n) <= maxCheckedBytes) {
      const [row] = await database.query<{ quick_check: string }>('SELECT quick_check FROM pragma_quick_check LIMIT 1');
      if (row?.quick_check !== 'ok') yield damaged(String(row?.quick_check));
    }
    const tables = await database.query<{ name: string }>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    );
    for (const { name } of tables) {
      if (except.includes(name)) continue;
      await yieldToOthers();
      try {
        await readTable(database, name, async (rows) => {
          examined(rows);
          await yieldToOthers();
        });
      } catch (error) {
        if (!storageCorrupt.is(error)) throw error;
        yield error;
      }
    }
  };
}

async function readTable(database: Queryable, table: string, step: (rows: number) => Promise<void>): Promise<void> {
  const columns = await database.query<{ name: string }>('SELECT name FROM pragma_table_info($1)', [table]);
  // SQLite stores the length next to a value, so this loads no large values.
  const bytes = columns.map(({ name }) => `coalesce(octet_length("${name}"), 0)`).join(' + ');
  const places = `SELECT rowid AS row_place, ${bytes} AS bytes FROM "${table}" WHERE rowid > $1 ORDER BY rowid LIMIT ${rowsInStep}`;
  // Below every rowid: they begin at 1, and chosen ones are far from this.
  for (let after: bigint | undefined = -1n; after !== undefined; ) {
    const to: bigint | undefined = endOfStep(await database.query<Place & Row>(places, [after]));
    if (to !== undefined) {
      const sql = `SELECT * FROM "${table}" WHERE rowid > $1 AND rowid <= $2`;
      await step((await database.query(sql, [after, to])).length);
    }
    after = to;
  }
}

/** The last place of the step that begins with the first one; `undefined` if there is none. */
function endOfStep(places: readonly Place[]): bigint | undefined {
  let bytes = 0n;
  const beyond = places.findIndex((place, index) => {
    bytes += place.bytes;
    return index > 0 && bytes > bytesInStep;
  });
  return places.at(beyond < 0 ? -1 : beyond - 1)?.row_place;
}
