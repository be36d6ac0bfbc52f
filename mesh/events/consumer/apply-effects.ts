import type { Storage, Transaction } from '../../storage/storage.ts';
import type { StoredEvent } from '../log/event-log.ts';
import { type Claims, hasOwnId, type ReceivedEvent } from './claims.ts';
import type { EventEffect, EventHandler } from './consumer.ts';

export type Applied = 'applied' | 'known' | 'too-old';

/** Writes the effect of an event with its claim. */
export type ApplyEffect = (received: ReceivedEvent, effect: EventEffect) => Promise<Applied>;

interface Waiting {
  readonly received: ReceivedEvent;
  readonly effect: EventEffect;
  readonly resolve: (outcome: Applied | Promise<Applied>) => void;
  readonly reject: (error: unknown) => void;
}

const maxEffects = 64;
// A transaction of SQLite keeps the process, so this limits how long everything else waits, as that of a group commit does. One of
// PostgreSQL keeps its locks, and waits for a round trip to the server with each statement.
const maxBatchMs = { sqlite: 5, postgres: 50 };

/** Why a transaction was rolled back that had no effects yet. */
const someAreKnown = new Error('some of these events were handled before');
/** Why a transaction does not run again: another process changed the same rows at the same time, maybe in another order. */
const lostRace = new Error('the transaction of these effects lost a race');

/**
 * Returns what applies effects: all that are ready at a time, of events of any partition, in one transaction. After 5 ms, on
 * PostgreSQL 50, it begins no further one. If one of its effects fails, none is written, and each is applied alone: nothing that
 * happens to an event affects another one. An event whose effect has failed is applied alone, even if it is delivered again. So is
 * each effect of a transaction that loses a race, and the next ones share transactions with few others. One transaction runs at a
 * time, so it uses one connection, and effects of a key are applied in the order in which they were ready. An effect must not wait
 * for that of another event.
 */
export function applyEffects(
  storage: Storage,
  claims: Claims,
  { independentEffects = false }: Pick<EventHandler, 'independentEffects'> = {},
): ApplyEffect {
  const waiting: Waiting[] = [];
  const failed = new WeakSet<StoredEvent>();
  let isRunning = false;
  /** Ends with the last transaction that was begun or waits for its turn. */
  let lastTurn: Promise<unknown> = Promise.resolve();
  /** How many effects there is time for. */
  let limit = maxEffects;
  /** After a start, which may follow a crash, and after a known event, until a batch has none: then each claims its own. */
  let someMayBeKnown = true;

  /** Runs a transaction when those before it have ended. */
  function inTurn<T>(transact: () => Promise<T>): Promise<T> {
    const ended = lastTurn.then(transact);
    // Whoever asked for the transaction gets its error; the next one runs anyway.
    lastTurn = ended.catch(() => undefined);
    return ended;
  }

  async function write(tx: Transaction, { received, effect }: Waiting): Promise<Applied> {
    const claimed = await claims.claimOnce(tx, received, 'handled');
    if (claimed !== 'claimed') return claimed;
    await effect(tx);
    return 'applied';
  }

  /** Writes an effect when it is its turn, before those that wait for a transaction to share. */
  function writeAlone(one: Waiting): Promise<Applied> {
    return inTurn(async () => {
      try {
        return await storage.transaction((tx) => write(tx, one));
      } catch (error) {
        failed.add(one.received.event);
        throw error;
      }
    });
  }

  /** Returns the outcomes of those that there was time for, of each key the first ones. */
  async function writeAll(tx: Transaction, batch: readonly Waiting[]): Promise<ReadonlyMap<Waiting, Applied>> {
    const endMs = performance.now() + maxBatchMs[storage.dialect];
    const isOver = () => performance.now() >= endMs;
    const outcomes = new Map<Waiting, Applied>();
    const all = batch.map(({ received }) => received);
    const claimsAll = batch.length > 1 && !someMayBeKnown && all.every(hasOwnId);
    if (claimsAll && !(await claims.claimEach(tx, all))) throw someAreKnown;
    if (claimsAll && independentEffects && storage.dialect === 'postgres') {
      for (const one of await writeTogether(tx, batch, isOver)) outcomes.set(one, 'applied');
    } else {
      for (const one of batch) {
        if (outcomes.size > 0 && isOver()) break;
        if (claimsAll) await one.effect(tx);
        outcomes.set(one, claimsAll ? 'applied' : await write(tx, one));
      }
    }
    if (claimsAll) {
      const left = batch.filter((one) => !outcomes.has(one));
      await Promise.all(left.map(({ received }) => claims.release(tx, received)));
    }
    return outcomes;
  }

  /**
   * Writes effects at the same time, those of a key one after another until the time is over, and returns those it has written.
   * Ends when all have ended, as they may be written again.
   */
  async function writeTogether(
    tx: Transaction,
    batch: readonly Waiting[],
    isOver: () => boolean,
  ): Promise<readonly Waiting[]> {
    const written: Waiting[] = [];
    const byKey = Map.groupBy(batch, ({ received }) => received.event.key);
    const writing = await Promise.allSettled(
      [...byKey.values()].map(async (its) => {
        for (const [index, one] of its.entries()) {
          if (index > 0 && isOver()) break;
          await one.effect(tx);
          written.push(one);
        }
      }),
    );
    const failure = writing.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
    return written;
  }

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    while (waiting.length > 0) await inTurn(applyNext);
    isRunning = false;
  }

  async function applyNext(): Promise<void> {
    let batch: readonly Waiting[] = [];
    try {
      const outcomes = await storage.transaction(async (tx) => {
        // Taken this late, so all that are ready share it. Only once: the work runs again after a lost race.
        if (batch.length > 1) throw lostRace;
        if (batch.length === 0) batch = waiting.splice(0, limit);
        return await writeAll(tx, batch);
      });
      const left = batch.filter((one) => !outcomes.has(one));
      waiting.unshift(...left);
      limit = left.length > 0 ? outcomes.size : Math.min(2 * limit, maxEffects);
      someMayBeKnown = [...outcomes.values()].some((outcome) => outcome !== 'applied');
      for (const one of batch) {
        const outcome = outcomes.get(one);
        if (outcome !== undefined) one.resolve(outcome);
      }
    } catch (error) {
      if (error === someAreKnown) {
        someMayBeKnown = true;
        waiting.unshift(...batch);
      } else if (batch.length > 1) {
        if (error === lostRace) limit = 1;
        for (const one of batch) one.resolve(writeAlone(one));
      } else if (batch[0] !== undefined) {
        failed.add(batch[0].received.event);
        batch[0].reject(error);
      } else {
        // The transaction was refused before it began.
        for (const { reject } of waiting.splice(0)) reject(error);
      }
    }
  }

  return (received, effect) =>
    new Promise((resolve, reject) => {
      const one = { received, effect, resolve, reject };
      if (failed.has(received.event)) return resolve(writeAlone(one));
      waiting.push(one);
      void run();
    });
}
