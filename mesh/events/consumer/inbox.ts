import type { AgingClock } from '../../storage/aging/aging-clock.ts';
import type { Migration, Queryable, Storage, Transaction } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { everyHour } from '../../time/every-hour.ts';

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
];

const dayMs = 24 * 60 * 60 * 1000;

/** Returns for how long claims are kept: longer than the log keeps events, so a replay of the whole log finds every row. */
export function inboxRetention(logRetentionMs: number): number {
  return Math.max(8 * dayMs, logRetentionMs + dayMs);
}

const maxPurgedPerCommit = 500;

/** Claims an event as handled or dead. Returns false if it was claimed before. */
export async function claim(
  tx: Transaction,
  group: string,
  eventId: string,
  as: 'handled' | 'dead',
  nowMs: number,
): Promise<boolean> {
  const added = await tx.execute(
    `INSERT INTO inbox (consumer_group, event_id, dead, time_ms) VALUES ($1, $2, $3, $4)
     ON CONFLICT (consumer_group, event_id) DO NOTHING`,
    [group, eventId, as === 'dead' ? 1 : 0, nowMs],
  );
  return added === 1;
}

/** Whether an event was claimed at or after `sinceMs`. */
export async function isClaimed(db: Queryable, group: string, eventId: string, sinceMs: number): Promise<boolean> {
  const sql = 'SELECT time_ms FROM inbox WHERE consumer_group = $1 AND event_id = $2 AND time_ms >= $3';
  return (await db.query(sql, [group, eventId, sinceMs])).length > 0;
}

/** Claims a dead event as handled, even if its row was purged. Returns false if it was handled already. */
export async function reclaim(tx: Transaction, group: string, eventId: string, nowMs: number): Promise<boolean> {
  const reclaimed = await tx.execute(
    `INSERT INTO inbox (consumer_group, event_id, dead, time_ms) VALUES ($1, $2, 0, $3)
     ON CONFLICT (consumer_group, event_id) DO UPDATE SET dead = 0 WHERE inbox.dead = 1`,
    [group, eventId, nowMs],
  );
  return reclaimed === 1;
}

export interface PurgeOptions {
  readonly retentionMs: number;
  readonly aging: AgingClock;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Deletes claims older than the retention, now and every hour until `signal` aborts. Rows age by the time that passes while a
 * process runs, so a clock that is far ahead deletes nothing.
 */
export function purgeInbox(
  storage: Storage,
  { retentionMs, aging, clock, logger }: PurgeOptions,
  signal: AbortSignal,
): Promise<void> {
  return everyHour({
    run: () => purge(storage, aging.nowMs() - retentionMs, signal),
    onFailure: (error) => logger.warn({ err: error }, 'purging the inbox failed; retrying in an hour'),
    clock,
    signal,
  });
}

async function purge(storage: Storage, beforeMs: number, signal: AbortSignal): Promise<void> {
  let removed = maxPurgedPerCommit;
  while (removed === maxPurgedPerCommit && !signal.aborted) {
    removed = await storage.execute(
      `DELETE FROM inbox WHERE (consumer_group, event_id) IN
         (SELECT consumer_group, event_id FROM inbox WHERE time_ms < $1 LIMIT $2)`,
      [beforeMs, maxPurgedPerCommit],
    );
  }
}
