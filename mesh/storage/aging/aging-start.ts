import type { Queryable } from '../storage.ts';
import { noteStartOfAging, seenTimes } from './seen-times.ts';

type Db = Pick<Queryable, 'query'>;

const dayMs = 86_400_000;
// The machine's clock is trusted if something was stored within this time before it.
const trustedGapMs = 30 * dayMs;

/**
 * The tables that had times of the machine's clock before databases recorded how far their rows had aged: the migration set,
 * the table, and its indexed column. The list is complete, because later tables never had such times.
 */
const formerTimes = [
  { set: 'idempotency', table: 'handled_request', column: 'create_time' },
  { set: 'inbox', table: 'inbox', column: 'time_ms' },
  { set: 'buried-tasks', table: 'buried_task', column: 'time_ms' },
  { set: 'dead-letters', table: 'dead_letter', column: 'closed_time_ms' },
] as const;

/**
 * How far the rows of a database have aged. If that is not recorded yet, it is decided once for all processes: a new database
 * starts with the machine's clock, right or wrong; an older one starts with the newest time in it, so nothing ages by a clock
 * that is wrong now.
 */
export async function startOfAging(db: Db, clockMs: number): Promise<number> {
  const { agedToMs } = await seenTimes(db);
  return agedToMs ?? (await noteStartOfAging(db, await decideStart(db, clockMs)));
}

/**
 * The newest stored time. Times that were written while a clock was far ahead are ignored if others agree with the current
 * clock. If none does, the current clock is more likely to be wrong.
 */
async function decideStart(db: Db, clockMs: number): Promise<number> {
  const soonMs = clockMs + dayMs;
  const newestMs = await newestFormerTime(db, Number.MAX_SAFE_INTEGER);
  if (newestMs === undefined) return clockMs;
  if (newestMs <= soonMs) return newestMs;
  const agreesMs = await newestFormerTime(db, soonMs);
  return agreesMs !== undefined && agreesMs > clockMs - trustedGapMs ? agreesMs : newestMs;
}

/** The newest time in the existing tables that is not after the limit. */
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
