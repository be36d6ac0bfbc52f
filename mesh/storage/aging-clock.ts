import type { Clock } from '../telemetry/clock.ts';
import { noteAged, seenTimes } from './probe-table.ts';
import type { Queryable, Storage } from './storage.ts';

/** The time by which rows age and are forgotten. */
export interface AgingClock {
  /** Milliseconds since the epoch, or somewhat less. It never goes back. */
  nowMs(): number;
}

/** The times that a table keeps. Both ask by index, and resolve with `undefined` when there is none. */
export interface StoredTimes {
  /** The newest that is not after `limitMs`. */
  newest(limitMs: number): Promise<number | undefined>;
}

const dayMs = 86_400_000;
// A machine's clock is believed when something was stored within this time before it.
const believableGapMs = 30 * dayMs;

/**
 * A time for what is kept for some days, which a wrong clock of the machine cannot spoil: it continues from the newest time
 * that is stored, and by as much as really passes while a process runs. A clock that jumps a year ahead ages nothing by a
 * year; the time for which no process runs does not count, so that rows are kept for longer rather than shorter. `check` of
 * the storage notes how far it has come, so that all processes of a database share it.
 *
 * For rows that nobody reads the time of, write `nowMs()` into them and forget those from before `nowMs() - retentionMs`.
 * For rows with times of the machine's clock, forget those from before `Math.min(clock.now(), nowMs()) - retentionMs`.
 */
export async function openAgingClock(storage: Storage, stored: StoredTimes, clock: Clock): Promise<AgingClock> {
  const { agedToMs } = await seenTimes(storage);
  const startMs = await plausibleStart(agedToMs, stored, clock.now());
  await storage.execute(noteAged(startMs));
  const startElapsedMs = clock.elapsedMs();
  return { nowMs: () => Math.floor(startMs + clock.elapsedMs() - startElapsedMs) };
}

/** The times of a column that is indexed. */
export function timesOf(db: Queryable, table: string, column: string): StoredTimes {
  const sql = `SELECT MAX(${column}) AS newest FROM ${table} WHERE ${column} <= $1`;
  return {
    async newest(limitMs) {
      const [row] = await db.query<{ newest: bigint | null }>(sql, [limitMs]);
      return row?.newest == null ? undefined : Number(row.newest);
    },
  };
}

/**
 * The newest time that is noted or stored. Some may have been written while a clock was far ahead: they are passed over
 * where others agree with the clock of now. Where none do, it is rather the clock of now that is wrong.
 */
async function plausibleStart(agedToMs: number | undefined, stored: StoredTimes, clockMs: number): Promise<number> {
  const soonMs = clockMs + dayMs;
  const newestMs = latest(agedToMs, await stored.newest(Number.MAX_SAFE_INTEGER));
  if (newestMs === undefined) return clockMs;
  if (newestMs <= soonMs) return newestMs;
  const agedBySoonMs = agedToMs !== undefined && agedToMs <= soonMs ? agedToMs : undefined;
  const agreesMs = latest(agedBySoonMs, await stored.newest(soonMs));
  return agreesMs !== undefined && agreesMs > clockMs - believableGapMs ? agreesMs : newestMs;
}

function latest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
