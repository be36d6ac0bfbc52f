import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { Queryable } from '../storage.ts';
import { seenTimes } from './seen-times.ts';

/** An open database, with the name and location that an operator knows. */
export interface OpenedDatabase {
  readonly storage: Pick<Queryable, 'query'>;
  readonly name: string;
  readonly location: string;
}

const toleranceMs = 10_000;
// Meshes are stopped for days; a longer gap deserves a warning.
const maxUsualGapMs = 7 * 86_400_000;

const behind =
  'the clock of this machine is behind the last time recorded in this database: correct the clock; if it is correct now, it ran ahead earlier and no action is needed';
const ahead =
  'the clock of this machine is far ahead of the last time recorded in this database: unless the mesh was stopped for that long, stop this process now and correct the clock';

/** Warns if the clock is behind the last recorded time, or so far ahead of it that it is probably wrong. Refuses nothing. */
export async function warnOfClock(
  { storage, name, location }: OpenedDatabase,
  clock: Clock,
  logger: Logger,
): Promise<void> {
  const lastMs = await lastSeenMs(storage);
  if (lastMs === undefined) return;
  const differenceMs = clock.now() - lastMs;
  if (differenceMs >= -toleranceMs && differenceMs <= maxUsualGapMs) return;
  const about = {
    database: name,
    location,
    clock: new Date(clock.now()).toISOString(),
    last_seen: new Date(lastMs).toISOString(),
    difference_s: Math.round(differenceMs / 1000),
  };
  logger.warn(about, differenceMs < 0 ? behind : ahead);
}

/** The time that the last check recorded; before the first check, the time of the last migration. */
async function lastSeenMs(storage: Pick<Queryable, 'query'>): Promise<number | undefined> {
  const { clockMs } = await seenTimes(storage);
  if (clockMs !== undefined) return clockMs;
  const sql = 'SELECT MAX(apply_time) AS time FROM schema_migration';
  const [row] = await storage.query<{ time: bigint | null }>(sql);
  return row?.time == null ? undefined : Number(row.time);
}
