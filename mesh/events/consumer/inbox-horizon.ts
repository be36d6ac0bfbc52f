import type { AgingClock } from '../../storage/aging/aging-clock.ts';
import type { Queryable, Storage, Transaction } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';
import type { StoredEvent } from '../log/event-log.ts';
import type { PartitionLag } from './lag.ts';

const hourMs = 60 * 60 * 1000;

/** Every version has kept claims for at least this time. */
export const minRetentionMs = 8 * 24 * hourMs;

/** An event happens before it is claimed, but the clock of its producer may be ahead by this. */
const clockSkewMs = hourMs;

/** Claims of later events exist, no matter which horizon a wrong clock has recorded. So most events need no query. */
const lastForgottenMs = (clock: Clock) => clock.now() - minRetentionMs + clockSkewMs;

/** Records that the claims of a group were deleted for events up to a time. Call it in the transaction that deletes them. */
export async function raiseHorizon(tx: Transaction, group: string, eventTimeMs: number, clock: Clock): Promise<void> {
  await tx.execute(
    `INSERT INTO inbox_horizon (consumer_group, time_ms) VALUES ($1, $2)
     ON CONFLICT (consumer_group) DO UPDATE SET time_ms = excluded.time_ms WHERE excluded.time_ms > inbox_horizon.time_ms`,
    [group, Math.min(eventTimeMs, lastForgottenMs(clock))],
  );
}

/** How far the aging clock is behind the machine's: a claim of the aging time `t` was made at `t + lag` or before. */
export function agingLagMs(aging: AgingClock, clock: Clock): number {
  return Math.max(0, clock.now() - aging.nowMs());
}

/**
 * Estimates once what an earlier version has deleted without a record: claims that are older than those that are left, and
 * older than the shortest retention. It has deleted none in a database that is younger than that.
 */
export async function estimateHorizon(storage: Storage, aging: AgingClock, clock: Clock): Promise<void> {
  const [made] = await storage.query<{ first: bigint; last: bigint }>(
    `SELECT MIN(apply_time) AS first, MAX(apply_time) AS last FROM schema_migration
     WHERE set_name = 'inbox' AND name <= '0002-horizon'`,
  );
  if (made === undefined || made.last - made.first < minRetentionMs) return;
  const estimated = await storage.query("SELECT time_ms FROM inbox_horizon WHERE consumer_group = ''");
  if (estimated.length > 0) return;
  const [oldest] = await storage.query<{ time_ms: bigint | null }>('SELECT MIN(time_ms) AS time_ms FROM inbox');
  const oldestMs = oldest?.time_ms == null ? Number.POSITIVE_INFINITY : Number(oldest.time_ms);
  await storage.execute(
    "INSERT INTO inbox_horizon (consumer_group, time_ms) VALUES ('', $1) ON CONFLICT (consumer_group) DO NOTHING",
    [Math.min(oldestMs + agingLagMs(aging, clock), lastForgottenMs(clock))],
  );
}

/** Whether the claim of an event may have been deleted. */
export async function isForgotten(
  db: Queryable,
  group: string,
  { timeMs }: Pick<StoredEvent, 'timeMs'>,
  clock: Clock,
): Promise<boolean> {
  if (timeMs > lastForgottenMs(clock)) return false;
  const sql = "SELECT time_ms FROM inbox_horizon WHERE consumer_group IN ('', $1) AND time_ms >= $2";
  return (await db.query(sql, [group, timeMs])).length > 0;
}

/**
 * Whether a group that has no claim of an event may have handled it: it had handled the partition up to a later offset, and
 * the claim may have been deleted. An event from after that time has the offset of another one, in a topic that was deleted.
 */
export async function mayBeHandled(
  db: Queryable,
  group: string,
  event: Pick<StoredEvent, 'topic' | 'partition' | 'offset' | 'timeMs'>,
  clock: Clock,
): Promise<boolean> {
  const { topic, partition, offset, timeMs } = event;
  if (timeMs > lastForgottenMs(clock)) return false;
  const rows = await db.query(
    `SELECT next_offset FROM inbox_position WHERE consumer_group = $1 AND topic = $2 AND partition_number = $3
       AND next_offset > $4 AND time_ms >= $5`,
    [group, topic, partition, offset, timeMs],
  );
  return rows.length > 0 && (await isForgotten(db, group, event, clock));
}

/**
 * Records up to which offset a group has handled each partition, and that this was true at `nowMs`. An offset never goes back:
 * a group whose offset does starts over.
 */
export async function notePositions(
  storage: Storage,
  group: string,
  partitions: readonly PartitionLag[],
  nowMs: number,
): Promise<void> {
  await storage.transaction(async (tx) => {
    // In one order, so two processes cannot wait for each other. Kafka lists partitions by their broker.
    for (const { topic, partition, next, end } of partitions.toSorted(byPlace)) {
      // After the end: that of a topic that was deleted.
      if (next === undefined || next > end) continue;
      await tx.execute(
        `INSERT INTO inbox_position (consumer_group, topic, partition_number, next_offset, time_ms) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (consumer_group, topic, partition_number)
         DO UPDATE SET next_offset = excluded.next_offset, time_ms = excluded.time_ms
         WHERE excluded.next_offset >= inbox_position.next_offset`,
        [group, topic, partition, next, nowMs],
      );
    }
  });
}

function byPlace(a: PartitionLag, b: PartitionLag): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
}
