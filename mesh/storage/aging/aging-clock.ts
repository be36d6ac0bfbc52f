import type { Clock } from '../../time/clock.ts';
import type { Queryable } from '../storage.ts';
import { startOfAging } from './aging-start.ts';

/** The time by which rows age and are deleted. */
export interface AgingClock {
  /** A whole number of milliseconds. It never goes back, and it is not a time of day: compare it only with its own times. */
  nowMs(): number;
}

/**
 * Opens a clock for retention that does not depend on the machine's clock being right. It continues from what the database has
 * recorded and advances by the time that passes while a process runs. A clock that jumps a year ahead ages nothing by a year.
 * Time in which no process runs does not count, so rows are kept longer, never shorter. `check` of the storage records its
 * progress, so all processes of a database share it.
 *
 * Write `nowMs()` into rows and delete those from before `nowMs() - retentionMs`. It falls behind the machine's clock by the
 * downtime, so never compare the two and never write one in place of the other.
 */
export async function openAgingClock(storage: Queryable, clock: Clock): Promise<AgingClock> {
  const startElapsedMs = clock.elapsedMs();
  const startMs = await startOfAging(storage, clock.now());
  return { nowMs: () => Math.floor(startMs + clock.elapsedMs() - startElapsedMs) };
}
