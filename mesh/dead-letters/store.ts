import { type AgingClock, openAgingClock } from '../storage/aging-clock.ts';
import type { Storage, Transaction } from '../storage/storage.ts';
import type { Clock } from '../time/clock.ts';
import {
  type ClosedState,
  type Closing,
  closeLetter,
  insertLetter,
  recordFailure,
  selectLetter,
  selectPage,
} from './dead-letter-table.ts';
import type { DeadLetter, DeadLetterFilter, DeadLetterQueue, DeadLetterSource } from './dead-letters.ts';
import { deadLetterMigrations } from './migrations.ts';

const pageSize = 100;

/**
 * Gets ready to hand a letter to its handler again. What it resolves with does so, in the transaction that takes the
 * letter off the list.
 */
export type Redrive = (letter: DeadLetter) => Promise<(tx: Transaction) => Promise<void>>;

/** Keeps dead letters in a service's own database, and for 30 days of running more what was taken off the list. */
export interface DeadLetterStore {
  /** Makes the table, once. To be called before anything else. */
  migrate(): Promise<void>;
  /** Writes a letter in the transaction that gives up on what it holds; resolves with its id. */
  add(tx: Transaction, letter: Omit<DeadLetter, 'id'>): Promise<string>;
  /**
   * The letters of one source. When `redrive` throws, nothing of its transaction remains: the letter stays on the list
   * with the new error and one attempt more, and the error is passed on.
   */
  queue(source: DeadLetterSource, redrive: Redrive): DeadLetterQueue;
}

/** Makes the store of dead letters in `storage`. */
export function createDeadLetterStore(storage: Storage, { clock }: { readonly clock: Clock }): DeadLetterStore {
  let aging: AgingClock | undefined;

  async function closingAs(state: ClosedState, note: string): Promise<Closing> {
    aging ??= await openAgingClock(storage, clock);
    return { state, note, timeMs: clock.now(), agedToMs: aging.nowMs() };
  }

  async function redriveLetter(source: DeadLetterSource, id: string, redrive: Redrive): Promise<boolean> {
    try {
      const open = await selectLetter(storage, source, id);
      if (!open) return false;
      const handOver = await redrive(open);
      const closing = await closingAs('redriven', '');
      return await storage.transaction(async (tx) => {
        const letter = await closeLetter(tx, source, id, closing);
        if (letter) await handOver(tx);
        return letter !== undefined;
      });
    } catch (error) {
      await recordFailure(storage, id, error instanceof Error ? error.message : String(error), clock.now());
      throw error;
    }
  }

  return {
    async migrate() {
      await storage.migrate('dead-letters', deadLetterMigrations);
      aging = await openAgingClock(storage, clock);
    },
    add: (tx, letter) => insertLetter(tx, letter, clock.now()),
    queue: (source, redrive) => ({
      list: (filter, afterId) => listOpen(storage, source, filter, afterId),
      get: (id) => selectLetter(storage, source, id),
      redrive: (id) => redriveLetter(source, id, redrive),
      async discard(id, note) {
        const closing = await closingAs('discarded', note);
        return (await storage.transaction((tx) => closeLetter(tx, source, id, closing))) !== undefined;
      },
    }),
  };
}

async function* listOpen(
  storage: Storage,
  source: DeadLetterSource,
  filter: DeadLetterFilter,
  afterId: string,
): AsyncGenerator<DeadLetter, void, undefined> {
  if (filter.source !== undefined && filter.source !== source) return;
  let cursor: string | undefined = afterId;
  while (cursor !== undefined) {
    const page = await selectPage(storage, source, filter, cursor, pageSize);
    yield* page;
    cursor = page.length === pageSize ? page.at(-1)?.id : undefined;
  }
}
