import type { AgingClock } from '../../storage/aging/aging-clock.ts';
import { skipLocked } from '../../storage/skip-locked.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { everyHour } from '../../time/every-hour.ts';
import { yieldToCalls } from '../../time/yield-to-event-loop.ts';

/** How long finished sagas are kept by default, counted while a process runs. */
export const defaultSagasRetentionMs = 7 * 24 * 60 * 60 * 1000;

// Small, because others wait for a portion.
const maxPerCommit = 100;

export interface SagaPurge {
  readonly storage: Storage;
  readonly aging: AgingClock;
  readonly retentionMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Deletes sagas that finished before the retention, now and every hour. Unfinished sagas are kept. */
export function purgeSagas({ storage, aging, retentionMs, clock, logger, signal }: SagaPurge): Promise<void> {
  async function inPortions(sql: string, agedMs: number): Promise<void> {
    while (!signal.aborted && (await storage.execute(sql, [agedMs, maxPerCommit])) === maxPerCommit)
      await yieldToCalls();
  }
  return everyHour({
    run: async () => {
      await inPortions(beginToAge(storage), aging.nowMs());
      await inPortions(deleteAged(storage), aging.nowMs() - retentionMs);
    },
    onFailure: (error, again) => logger.warn({ err: error }, `purging finished sagas failed; retrying ${again}`),
    clock,
    signal,
  });
}

/** Sagas that an earlier version finished age from now on. SQLite would sort all finished sagas for each portion. */
const beginToAge = (storage: Storage) => `UPDATE saga SET finished_aged_ms = $1 WHERE id IN (
  SELECT id FROM saga ${storage.dialect === 'sqlite' ? 'INDEXED BY saga_finished_before' : ''} WHERE finished_aged_ms IS NULL AND state IN ('completed', 'compensated') ORDER BY id LIMIT $2 ${skipLocked(storage)})`;

const deleteAged = (storage: Storage) => `DELETE FROM saga WHERE id IN (
  SELECT id FROM saga WHERE finished_aged_ms < $1 ORDER BY finished_aged_ms LIMIT $2 ${skipLocked(storage)})`;
