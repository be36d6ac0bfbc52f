import type { AgingClock } from '../../storage/aging/aging-clock.ts';
import { insertMany } from '../../storage/insert-rows.ts';
import type { Migration, Queryable, Storage, Transaction } from '../../storage/storage.ts';
import { logFailedAttempt } from '../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { everyHour } from '../../time/every-hour.ts';
import { deleteClaims } from './delete-claims.ts';
import { agingLagMs, minRetentionMs, notePositions, raiseHorizon } from './inbox-horizon.ts';
import type { PartitionLag } from './lag.ts';

/** The events that a group has handled. `dead` marks one that became a dead letter. */
export const inboxMigrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `
      CREATE TABLE inbox (
        consumer_group TEXT NOT NULL,
        event_id TEXT NOT NULL,
        dead BIGINT NOT NULL,
        time_ms BIGINT NOT NULL,
        PRIMARY KEY (consumer_group, event_id)
      );
      CREATE INDEX inbox_time ON inbox (time_ms);`,
  },
  {
    // inbox_horizon: the time of the newest event whose claim was deleted. The group '' stands for all of them.
    // inbox_position: at this time, the group had handled all events before the offset.
    name: '0002-horizon',
    sql: `
      ALTER TABLE inbox ADD COLUMN event_time_ms BIGINT;
      CREATE TABLE inbox_horizon (consumer_group TEXT NOT NULL PRIMARY KEY, time_ms BIGINT NOT NULL);
      CREATE TABLE inbox_position (
        consumer_group TEXT NOT NULL,
        topic TEXT NOT NULL,
        partition_number BIGINT NOT NULL,
        next_offset BIGINT NOT NULL,
        time_ms BIGINT NOT NULL,
        PRIMARY KEY (consumer_group, topic, partition_number)
      );`,
  },
  {
    // On SQLite claims are in the order of their time, so the oldest are found without an index. On PostgreSQL they are not.
    name: '0003-without-time-index',
    only: 'sqlite',
    sql: 'DROP INDEX inbox_time',
  },
];

/** Creates the tables of the inbox, or brings them up to date. */
export async function migrateInbox(storage: Storage): Promise<void> {
  await storage.migrate('inbox', inboxMigrations);
}

const dayMs = 24 * 60 * 60 * 1000;

/** Returns for how long claims are kept: longer than the log keeps events, so a replay of the whole log finds every row. */
export function inboxRetention(logRetentionMs: number): number {
  return Math.max(minRetentionMs, logRetentionMs + dayMs);
}

/** What a claim records. */
export interface Claim {
  readonly group: string;
  readonly eventId: string;
  /** When the event happened. */
  readonly eventTimeMs: number;
  /** Now, by the aging clock. */
  readonly nowMs: number;
}

/** Claims an event as handled or dead. Returns false if it was claimed before. */
export async function claim(
  tx: Transaction,
  { group, eventId, eventTimeMs, nowMs }: Claim,
  as: 'handled' | 'dead',
): Promise<boolean> {
  const added = await tx.execute(
    `INSERT INTO inbox (consumer_group, event_id, dead, time_ms, event_time_ms) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (consumer_group, event_id) DO NOTHING`,
    [group, eventId, as === 'dead' ? 1 : 0, nowMs, eventTimeMs],
  );
  return added === 1;
}

const columns = ['consumer_group', 'event_id', 'dead', 'time_ms', 'event_time_ms'];

/** Claims events as handled. Returns false if one of them was claimed before, or is there twice. */
export async function claimAll(tx: Transaction, claims: readonly Claim[]): Promise<boolean> {
  const rows = claims.map(({ group, eventId, eventTimeMs, nowMs }) => [group, eventId, 0, nowMs, eventTimeMs]);
  const onConflict = 'ON CONFLICT (consumer_group, event_id) DO NOTHING';
  return (await insertMany(tx, 'inbox', columns, rows, onConflict)) === claims.length;
}

/** Takes back a claim of this transaction. */
export async function unclaim(tx: Transaction, { group, eventId }: Claim): Promise<void> {
  await tx.execute('DELETE FROM inbox WHERE consumer_group = $1 AND event_id = $2', [group, eventId]);
}

/** Whether an event was claimed at or after `sinceMs`. */
export async function isClaimed(db: Queryable, group: string, eventId: string, sinceMs: number): Promise<boolean> {
  const sql = 'SELECT time_ms FROM inbox WHERE consumer_group = $1 AND event_id = $2 AND time_ms >= $3';
  return (await db.query(sql, [group, eventId, sinceMs])).length > 0;
}

/** Claims a dead event as handled, even if its row was purged. Returns false if it was handled already. */
export async function reclaim(tx: Transaction, { group, eventId, eventTimeMs, nowMs }: Claim): Promise<boolean> {
  const reclaimed = await tx.execute(
    `INSERT INTO inbox (consumer_group, event_id, dead, time_ms, event_time_ms) VALUES ($1, $2, 0, $3, $4)
     ON CONFLICT (consumer_group, event_id) DO UPDATE SET dead = 0 WHERE inbox.dead = 1`,
    [group, eventId, nowMs, eventTimeMs],
  );
  return reclaimed === 1;
}

export interface PurgeOptions {
  readonly group: string;
  /** Returns where the group is in each partition. */
  readonly lag: () => Promise<readonly PartitionLag[]>;
  readonly retentionMs: number;
  readonly aging: AgingClock;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Deletes claims older than the retention, now and every hour until `signal` aborts, and records what the inbox forgets by
 * that. First it records the group's positions, so it deletes nothing while the log is unavailable. Rows age by the time that
 * passes while a process runs, so a clock that is far ahead deletes nothing.
 */
export function purgeInbox(storage: Storage, options: PurgeOptions, signal: AbortSignal): Promise<void> {
  const { group, lag, clock, logger } = options;
  const aborted = Promise.withResolvers<undefined>();
  signal.addEventListener('abort', () => aborted.resolve(undefined));
  return everyHour({
    run: async () => {
      // Before it asks, because a topic may be created again while the log answers.
      const nowMs = clock.now();
      const partitions = await Promise.race([lag(), aborted.promise]);
      if (partitions === undefined) return;
      await notePositions(storage, group, partitions, nowMs);
      await purge(storage, options, signal);
    },
    onFailure: (error, again) =>
      logFailedAttempt(
        { logger, clock, level: 'warn' },
        { err: error, group },
        `purging the inbox failed; retrying ${again}`,
      ),
    clock,
    signal,
  });
}

async function purge(
  storage: Storage,
  { retentionMs, aging, clock }: PurgeOptions,
  signal: AbortSignal,
): Promise<void> {
  const nowMs = aging.nowMs();
  const ages = { nowMs, beforeMs: nowMs - retentionMs };
  const lagMs = agingLagMs(aging, clock);
  let next: bigint | undefined = 0n;
  while (next !== undefined && !signal.aborted) {
    const after: bigint = next;
    next = await storage.transaction(async (tx) => {
      const lot = await deleteClaims(tx, storage.dialect, ages, after);
      const byGroup = [...Map.groupBy(lot.claims, (claim) => claim.consumer_group)];
      // In one order, so two processes cannot wait for each other.
      for (const [group, its] of byGroup.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
        // An earlier version did not store when the event happened: before it was claimed.
        const times = its.map(({ time_ms, event_time_ms }) => Number(event_time_ms ?? time_ms + BigInt(lagMs)));
        await raiseHorizon(tx, group, Math.max(...times), clock);
      }
      return lot.next;
    });
  }
}
