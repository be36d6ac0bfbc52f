import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Claims, ReceivedEvent } from './claims.ts';
import type { EventEffect } from './consumer.ts';

export type Applied = 'applied' | 'known' | 'too-old';

/** Writes the effect of an event with its claim. */
export type ApplyEffect = (
  received: ReceivedEvent,
  effect: EventEffect,
  options: { readonly alone: boolean },
) => Promise<Applied>;

interface Waiting {
  readonly received: ReceivedEvent;
  readonly effect: EventEffect;
  readonly resolve: (outcome: Applied | Promise<Applied>) => void;
  readonly reject: (error: unknown) => void;
}

// With effects of 80 µs, about as long as a batch of transactions may keep the process. Slower ones keep it longer.
const maxEffects = 64;

/**
 * Returns what applies effects: all that are ready at a time, of events of any partition, in one transaction. If one of its
 * effects fails, or one of its events is known, none is written, and each is applied alone: nothing that happens to an event
 * affects another one. With `alone`, an effect is not tried with others before. On PostgreSQL each is applied alone: they run
 * at the same time there, and one after another would wait for all round trips.
 */
export function applyEffects(storage: Storage, claims: Claims): ApplyEffect {
  const waiting: Waiting[] = [];
  let isRunning = false;

  async function write(tx: Transaction, { received, effect }: Pick<Waiting, 'received' | 'effect'>): Promise<Applied> {
    const claimed = await claims.claimOnce(tx, received, 'handled');
    if (claimed !== 'claimed') return claimed;
    await effect(tx);
    return 'applied';
  }

  async function writeAll(tx: Transaction, batch: readonly Waiting[]): Promise<Applied> {
    const [first, ...others] = batch;
    if (first !== undefined && others.length === 0) return await write(tx, first);
    const received = batch.map((one) => one.received);
    if (!(await claims.claimEach(tx, received))) throw new Error('an event has to be claimed alone');
    for (const { effect } of batch) await effect(tx);
    return 'applied';
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
      const outcome = await storage.transaction(async (tx) => {
        // Taken this late, so all that are ready share it. Only once: the work may run again.
        if (batch.length === 0) batch = waiting.splice(0, maxEffects);
        return await writeAll(tx, batch);
      });
      for (const { resolve } of batch) resolve(outcome);
    } catch (error) {
      // If the transaction was refused before it began, none was taken.
      if (batch.length === 0) batch = waiting.splice(0);
      else if (batch.length > 1) return applyEachAlone(batch);
      for (const { reject } of batch) reject(error);
    }
  }

  function applyEachAlone(batch: readonly Waiting[]): void {
    for (const one of batch) one.resolve(storage.transaction((tx) => write(tx, one)));
  }

  return (received, effect, { alone }) => {
    if (alone || storage.dialect === 'postgres') return storage.transaction((tx) => write(tx, { received, effect }));
    return new Promise((resolve, reject) => {
      waiting.push({ received, effect, resolve, reject });
      void run();
    });
  };
}
