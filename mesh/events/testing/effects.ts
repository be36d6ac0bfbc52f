import { openAgingClock } from '../../storage/aging/aging-clock.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { systemClock } from '../../time/clock.ts';
import { type ApplyEffect, applyEffects } from '../consumer/apply-effects.ts';
import { createClaims, type ReceivedEvent } from '../consumer/claims.ts';
import { migrateInbox } from '../consumer/inbox.ts';
import { readAttributes } from '../log/envelope.ts';
import { wrapped } from './consumers.ts';

/** Applies effects, which write a name into a table. */
export interface TestEffects extends AsyncDisposable {
  readonly storage: Storage;
  readonly apply: ApplyEffect;
  /** How many transactions were begun. */
  transactions(): number;
  /** How many of them ran at a time, at most. */
  mostAtATime(): number;
  written(): Promise<unknown[]>;
}

export async function openEffects(
  newUrl: NewDatabaseUrl,
  handler?: { readonly independentEffects: boolean },
): Promise<TestEffects> {
  const storage = await openStorage(newUrl());
  await migrateInbox(storage);
  await storage.execute('CREATE TABLE effect (value TEXT NOT NULL)');
  let transactions = 0;
  let running = 0;
  let mostAtATime = 0;
  const counted: Storage = {
    ...storage,
    async transaction(work, options) {
      transactions += 1;
      running += 1;
      mostAtATime = Math.max(mostAtATime, running);
      try {
        return await storage.transaction(work, options);
      } finally {
        running -= 1;
      }
    },
  };
  const claims = createClaims('g', await openAgingClock(storage, systemClock), systemClock);
  return {
    storage,
    apply: applyEffects(counted, claims, handler),
    transactions: () => transactions,
    mostAtATime: () => mostAtATime,
    written: async () => (await storage.query('SELECT value FROM effect ORDER BY value')).map(({ value }) => value),
    [Symbol.asyncDispose]: () => storage.close(),
  };
}

export function received(name: string, key = name): ReceivedEvent {
  const event = { ...wrapped(key, 1, `id-${name}`), partition: 0, offset: 0n };
  return { event, attributes: readAttributes(event) };
}

export const writing = (value: string) => async (tx: Transaction) => {
  await tx.execute('INSERT INTO effect (value) VALUES ($1)', [value]);
};
/** Throws an error after it has written. */
export const breaking = (value: string) => async (tx: Transaction) => {
  await writing(value)(tx);
  throw new Error(`${value} broke`);
};
