import type { Queryable } from '../storage.ts';
import { noteStartOfAging, seenTimes } from './seen-times.ts';

type Db = Pick<Queryable, 'query'>;

const dayMs = 86_400_000;
// A machine's clock is believed when something was stored within this time before it.
const believableGapMs = 30 * dayMs;

/**
 * What databases kept with times of the machine's clock before they noted how far their rows had aged: the set of
 * migrations that makes a table, the table, and its column, which is indexed. Complete: what came later has never had such
 * times.
 */
const formerTimes = [
  { set: 'idempotency', table: 'handled_request', column: 'create_time' },
  { set: 'inbox', table: 'inbox', column: 'time_ms' },
  { set: 'buried-tasks', table: 'buried_task', column: 'time_ms' },
  { set: 'dead-letters', table: 'dead_letter', column: 'closed_time_ms' },
] as const;

/**
 * How far the rows of a database have aged. What is noted alone counts. Where nothing is, this is decided, once for all
 * processes: a database that is new starts with what the clock shows, right or wrong, and one from before the note with the
 * newest time that it keeps, so that nothing in it ages by a clock that is wrong now.
 */
export async function startOfAging(db: Db, clockMs: number): Promise<number> {
  const { agedToMs } = await seenTimes(db);
  return agedToMs ?? (await noteStartOfAging(db, await decideStart(db, clockMs)));
}

/**
 * The newest time that is stored. Some may have been written while a clock was far ahead: they are passed over where others
 * agree with the clock of now. Where none do, it is rather the clock of now that is wrong.
 */
async function decideStart(db: Db, clockMs: number): Promise<number> {
  const soonMs = clockMs + dayMs;
  const newestMs = await newestFormerTime(db, Number.MAX_SAFE_INTEGER);
  if (newestMs === undefined) return clockMs;
  if (newestMs <= soonMs) return newestMs;
  const agreesMs = await newestFormerTime(db, soonMs);
  return agreesMs !== undefined && agreesMs > clockMs - believableGapMs ? agreesMs : newestMs;
}

/** The newest time in all of the tables that there are, of those not after the limit. */
async function newestFormerTime(db: Db, limitMs: number): Promise<number | undefined> {
  const sets = await db.query<{ set_name: string }>('SELECT DISTINCT set_name FROM schema_migration');
  const made = new Set(sets.map((row) => row.set_name));
  let newestMs: number | undefined;
  for (const { set, table, column } of formerTimes) {
    if (!made.has(set)) continue;
    const sql = `SELECT MAX(${column}) AS newest FROM ${table} WHERE ${column} <= $1`;
    const [row] = await db.query<{ newest: bigint | null }>(sql, [limitMs]);
    if (row?.newest != null) newestMs = Math.max(newestMs ?? 0, Number(row.newest));
  }
  return newestMs;
}
