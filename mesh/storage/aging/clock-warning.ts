import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { Queryable } from '../storage.ts';
import { seenTimes } from './seen-times.ts';

/** A database that was opened, and how an operator knows it. */
export interface OpenedDatabase {
  readonly storage: Pick<Queryable, 'query'>;
  readonly name: string;
  readonly location: string;
}

const toleranceMs = 10_000;
// Meshes are stopped for days; what is longer is worth a look.
const longestUsualGapMs = 7 * 86_400_000;

const behind =
  'the clock of this machine is behind the last time that was noted in this database: it was set back, or a process had a clock that was ahead; correct the clock, and if it is right now, nothing is to be done';
const ahead =
  'the clock of this machine is far ahead of the last time that was noted in this database: if the mesh was not stopped for so long, stop this process now and correct the clock';

/** Warns when the clock shows less than was seen before, or so much more that it is rather wrong. It refuses nothing. */
export async function warnOfClock(
  { storage, name, location }: OpenedDatabase,
  clock: Clock,
  logger: Logger,
): Promise<void> {
  const lastMs = await lastSeenMs(storage);
  if (lastMs === undefined) return;
  const differenceMs = clock.now() - lastMs;
  if (differenceMs >= -toleranceMs && differenceMs <= longestUsualGapMs) return;
  const about = {
    database: name,
    location,
    clock: new Date(clock.now()).toISOString(),
    last_seen: new Date(lastMs).toISOString(),
    difference_s: Math.round(differenceMs / 1000),
  };
  logger.warn(about, differenceMs < 0 ? behind : ahead);
}

/** What the last check noted; before there was one, when the schema was changed last. */
async function lastSeenMs(storage: Pick<Queryable, 'query'>): Promise<number | undefined> {
  const { clockMs } = await seenTimes(storage);
  if (clockMs !== undefined) return clockMs;
  const sql = 'SELECT MAX(apply_time) AS time FROM schema_migration';
  const [row] = await storage.query<{ time: bigint | null }>(sql);
  return row?.time == null ? undefined : Number(row.time);
}
