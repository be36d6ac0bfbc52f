import { messageOf } from '../errors/error-text.ts';
import { openAgingClock } from '../storage/aging/aging-clock.ts';
import { readPages } from '../storage/read-pages.ts';
import type { Storage, Transaction } from '../storage/storage.ts';
import { currentScope } from '../telemetry/call-scope.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { everyHour } from '../time/every-hour.ts';
import { yieldToCalls } from '../time/yield-to-event-loop.ts';
import {
  type Closing,
  closeDeadLetter,
  countByOrigin,
  deleteClosed,
  insertDeadLetter,
  recordFailure,
  selectDeadLetter,
  selectPage,
} from './dead-letter-table.ts';
import type {
  DeadLetter,
  DeadLetterClosing,
  DeadLetterFilter,
  DeadLetterQueue,
  DeadLetterSource,
} from './dead-letters.ts';
import { deadLetterMigrations } from './migrations.ts';

/**
 * Prepares the new attempt at a dead letter, and resolves with what to write: in the transaction that takes it off the list.
 */
export type Redrive = (deadLetter: DeadLetter) => Promise<(tx: Transaction) => Promise<void>>;

/** Dead letters in a service's own database. Those that left the list are kept for some time. */
export interface DeadLetterStore {
  /** Writes a dead letter in the transaction that gives up on its content. Resolves with its id. */
  add(tx: Transaction, deadLetter: Omit<DeadLetter, 'id'>): Promise<string>;
  /**
   * The dead letters of one source. If `redrive` throws, its transaction is rolled back: the dead letter stays on the list
   * with the new error and one more attempt, and the error is rethrown.
   */
  queue(source: DeadLetterSource, redrive: Redrive): DeadLetterQueue;
  /** Deletes what was closed before the retention, now and every hour until `signal` aborts. Resolves then. */
  purge(logger: Logger, signal: AbortSignal): Promise<void>;
}

export interface DeadLetterStoreOptions {
  readonly clock: Clock;
  /** How long those that left the list are kept for people to look into, counted while a process runs. Default: 30 days. */
  readonly retentionMs?: number | undefined;
}

const defaultRetentionMs = 30 * 24 * 60 * 60 * 1000;
// Bounded, because other transactions wait for a portion.
const maxDeletedPerCommit = 500;

/** Creates the store of dead letters in `storage` and migrates its table. */
export async function createDeadLetterStore(
  storage: Storage,
  { clock, retentionMs = defaultRetentionMs }: DeadLetterStoreOptions,
): Promise<DeadLetterStore> {
  await storage.migrate('dead-letters', deadLetterMigrations);
  const aging = await openAgingClock(storage, clock);

  async function* listOpen(source: DeadLetterSource, filter: DeadLetterFilter, after: string) {
    if (filter.source !== undefined && filter.source !== source) return;
    yield* readPages({
      after,
      // Their payloads may be large.
      pageSize: 100,
      fetch: (afterId, size) => selectPage(storage, source, filter, afterId, size),
      cursorOf: ({ id }) => id,
    });
  }

  const closingAs = (outcome: DeadLetterClosing['outcome'], note: string): Closing => ({
    outcome,
    note,
    timeMs: clock.now(),
    agedToMs: aging.nowMs(),
    requestId: currentScope()?.requestId ?? '',
  });

  async function redriveOne(source: DeadLetterSource, id: string, redrive: Redrive): Promise<boolean> {
    try {
      const open = await selectDeadLetter(storage, source, id);
      if (!open || open.closing) return false;
      const effect = await redrive(open);
      return await storage.transaction(async (tx) => {
        const closed = await closeDeadLetter(tx, source, id, closingAs('redriven', ''));
        if (closed) await effect(tx);
        return closed !== undefined;
      });
    } catch (error) {
      await recordFailure(storage, id, messageOf(error), clock.now());
      throw error;
    }
  }

  return {
    add: (tx, deadLetter) => insertDeadLetter(tx, deadLetter, clock.now()),
    queue: (source, redrive) => ({
      list: (filter, afterId) => listOpen(source, filter, afterId),
      get: (id) => selectDeadLetter(storage, source, id),
      count: () => countByOrigin(storage, source),
      redrive: (id) => redriveOne(source, id, redrive),
      async discard(id, note) {
        const closing = closingAs('discarded', note);
        return (await storage.transaction((tx) => closeDeadLetter(tx, source, id, closing))) !== undefined;
      },
    }),
    purge: (logger, signal) =>
      everyHour({
        run: async () => {
          const beforeMs = aging.nowMs() - retentionMs;
          while (
            !signal.aborted &&
            (await deleteClosed(storage, beforeMs, maxDeletedPerCommit)) === maxDeletedPerCommit
          )
            await yieldToCalls();
        },
        onFailure: (error, again) =>
          logger.warn({ err: error }, `purging closed dead letters failed; retrying ${again}`),
        clock,
        signal,
      }),
  };
}
