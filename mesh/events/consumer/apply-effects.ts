import type { Storage, Transaction } from '../../storage/storage.ts';
import type { StoredEvent } from '../log/event-log.ts';
import { type Claims, hasOwnId, type ReceivedEvent } from './claims.ts';
import type { EventEffect } from './consumer.ts';

export type Applied = 'applied' | 'known' | 'too-old';

/** Writes the effect of an event with its claim. */
export type ApplyEffect = (received: ReceivedEvent, effect: EventEffect) => Promise<Applied>;

interface Waiting {
  readonly received: ReceivedEvent;
  readonly effect: EventEffect;
  readonly resolve: (outcome: Applied | Promise<Applied>) => void;
  readonly reject: (error: unknown) => void;
}

// A transaction keeps the process, so these limit how long everything else waits, as those of a group commit do.
const maxEffects = 64;
const maxBatchMs = 5;

/** Why a transaction was rolled back that had no effects yet. */
const someAreKnown = new Error('some of these events were handled before');

/**
 * Returns what applies effects: all that are ready at a time, of events of any partition, in one transaction, for 5 ms at most.
 * If one of its effects fails, none is written, and each is applied alone: nothing that happens to an event affects another
 * one. An event whose effect has failed is applied alone, even if it is delivered again. On PostgreSQL each is applied alone:
 * they run at the same time there, and one after another would wait for all round trips.
 */
export function applyEffects(storage: Storage, claims: Claims): ApplyEffect {
  const waiting: Waiting[] = [];
  const failed = new WeakSet<StoredEvent>();
  let isRunning = false;
  /** How many effects there is time for. */
  let limit = maxEffects;
  /** After a start, which may follow a crash, and after a known event, until a batch has none: then each claims its own. */
  let someMayBeKnown = true;

  async function write(tx: Transaction, { received, effect }: Waiting): Promise<Applied> {
    const claimed = await claims.claimOnce(tx, received, 'handled');
    if (claimed !== 'claimed') return claimed;
    await effect(tx);
    return 'applied';
  }

  async function writeAlone(one: Waiting): Promise<Applied> {
    try {
      return await storage.transaction((tx) => write(tx, one));
    } catch (error) {
      failed.add(one.received.event);
      throw error;
    }
  }

  /** Returns the outcomes of the first of them, of as many as there was time for. */
  async function writeAll(tx: Transaction, batch: readonly Waiting[]): Promise<Applied[]> {
    const endMs = performance.now() + maxBatchMs;
    const all = batch.map(({ received }) => received);
    const claimsAll = batch.length > 1 && !someMayBeKnown && all.every(hasOwnId);
    if (claimsAll && !(await claims.claimEach(tx, all))) throw someAreKnown;
    const outcomes: Applied[] = [];
    for (const one of batch) {
      if (outcomes.length > 0 && performance.now() >= endMs) break;
      if (claimsAll) await one.effect(tx);
      outcomes.push(claimsAll ? 'applied' : await write(tx, one));
    }
    if (claimsAll) for (const received of all.slice(outcomes.length)) await claims.release(tx, received);
    return outcomes;
  }

  async function run(): Promise<void> {
    if (isRunning) return;
    isRunning = true;
    while (waiting.length > 0) await applyNext();
    isRunning = false;
  }

  async function applyNext(): Promise<void> {
    let batch: readonly Waiting[] = [];
    try {
      const outcomes = await storage.transaction(async (tx) => {
        // Taken this late, so all that are ready share it. Only once: the work may run again.
        if (batch.length === 0) batch = waiting.splice(0, limit);
        return await writeAll(tx, batch);
      });
      const left = batch.slice(outcomes.length);
      waiting.unshift(...left);
      limit = left.length > 0 ? outcomes.length : Math.min(2 * limit, maxEffects);
      someMayBeKnown = outcomes.some((outcome) => outcome !== 'applied');
      for (const [index, outcome] of outcomes.entries()) batch[index]?.resolve(outcome);
    } catch (error) {
      if (error === someAreKnown) {
        someMayBeKnown = true;
        waiting.unshift(...batch);
      } else if (batch.length > 1) {
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
      if (storage.dialect === 'postgres' || failed.has(received.event)) return resolve(writeAlone(one));
      waiting.push(one);
      void run();
    });
}
