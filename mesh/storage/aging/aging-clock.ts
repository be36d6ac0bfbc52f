import type { Clock } from '../../time/clock.ts';
import type { Queryable } from '../storage.ts';
import { startOfAging } from './aging-start.ts';

/** The time by which rows age and are forgotten. */
export interface AgingClock {
  /** A whole number of milliseconds. It never goes back, and it is no time of day: compare it with times of its kind alone. */
  nowMs(): number;
}

/**
 * A time for what is kept for some days, which a wrong clock of the machine cannot spoil: it continues from what the database
 * has noted, and by as much as really passes while a process runs. A clock that jumps a year ahead ages nothing by a year; the
 * time for which no process runs does not count, so that rows are kept for longer rather than shorter. `check` of the storage
 * notes how far it has come, so that all processes of a database share it.
 *
 * Write `nowMs()` into the rows, and forget those from before `nowMs() - retentionMs`. It falls behind the machine's clock by
 * all the time for which nothing ran: one is never compared with the other, nor written in place of it.
 */
export async function openAgingClock(storage: Queryable, clock: Clock): Promise<AgingClock> {
  const startElapsedMs = clock.elapsedMs();
  const startMs = await startOfAging(storage, clock.now());
  return { nowMs: () => Math.floor(startMs + clock.elapsedMs() - startElapsedMs) };
}
