import { describe, expect, it } from 'vitest';
import { openAgingClock } from '../../storage/aging/aging-clock.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import { describeOnEachDatabase, type NewDatabaseUrl } from '../../testing/databases.ts';
import { systemClock } from '../../time/clock.ts';
import { readAttributes } from '../log/envelope.ts';
import { wrapped } from '../testing/consumers.ts';
import { type ApplyEffect, applyEffects } from './apply-effects.ts';
import { createClaims, type ReceivedEvent } from './claims.ts';
import { migrateInbox } from './inbox.ts';

interface Fixture extends AsyncDisposable {
  readonly storage: Storage;
  readonly apply: ApplyEffect;
  /** How many transactions were begun. */
  transactions(): number;
  written(): Promise<unknown[]>;
}

async function open(newUrl: NewDatabaseUrl): Promise<Fixture> {
  const storage = await openStorage(newUrl());
  await migrateInbox(storage);
  await storage.execute('CREATE TABLE effect (value TEXT NOT NULL)');
  let transactions = 0;
  const counted: Storage = {
    ...storage,
    transaction(work, options) {
      transactions += 1;
      return storage.transaction(work, options);
    },
  };
  const claims = createClaims('g', await openAgingClock(storage, systemClock), systemClock);
  return {
    storage,
    apply: applyEffects(counted, claims),
    transactions: () => transactions,
    written: async () => (await storage.query('SELECT value FROM effect ORDER BY value')).map(({ value }) => value),
    [Symbol.asyncDispose]: () => storage.close(),
  };
}

function received(name: string): ReceivedEvent {
  const event = { ...wrapped(name, 1, `id-${name}`), partition: 0, offset: 0n };
  return { event, attributes: readAttributes(event) };
}

const writing = (value: string) => async (tx: Transaction) => {
  await tx.execute('INSERT INTO effect (value) VALUES ($1)', [value]);
};
const breaking = (value: string) => async (tx: Transaction) => {
  await writing(value)(tx);
  throw new Error(`${value} broke`);
};
const together = { alone: false };
const names = Array.from({ length: 70 }, (_, index) => `${index + 10}`);

describe('effects that are ready at the same time', () => {
  describeOnEachDatabase((newUrl) => {
    it('share transactions on SQLite, and each is written once', async () => {
      await using fixture = await open(newUrl);
      const applying = names.map((name) => fixture.apply(received(name), writing(name), together));
      expect(new Set(await Promise.all(applying))).toEqual(new Set(['applied']));
      expect(fixture.transactions()).toBe(fixture.storage.dialect === 'sqlite' ? 2 : names.length);
      expect(await fixture.written()).toEqual(names);
      const again = names.map((name) => fixture.apply(received(name), writing(name), together));
      expect(new Set(await Promise.all(again))).toEqual(new Set(['known']));
      expect(await fixture.written()).toEqual(names);
    });

    it('fail alone, with their own error', async () => {
      await using fixture = await open(newUrl);
      const outcomes = await Promise.allSettled(
        ['a', 'b', 'c', 'd'].map((name) =>
          fixture.apply(received(name), name === 'b' || name === 'd' ? breaking(name) : writing(name), together),
        ),
      );
      expect(outcomes).toMatchObject([
        { value: 'applied' },
        { reason: { message: 'b broke' } },
        { value: 'applied' },
        { reason: { message: 'd broke' } },
      ]);
      expect(await fixture.written()).toEqual(['a', 'c']);
      // Nothing claims what has failed.
      await expect(fixture.apply(received('b'), writing('b'), together)).resolves.toBe('applied');
    });

    it('are written once if an event is known or comes twice', async () => {
      await using fixture = await open(newUrl);
      await fixture.apply(received('b'), writing('b'), together);
      const outcomes = await Promise.all(
        ['a', 'b', 'c', 'c'].map((name) => fixture.apply(received(name), writing(name), together)),
      );
      expect(outcomes.toSorted()).toEqual(['applied', 'applied', 'known', 'known']);
      expect(await fixture.written()).toEqual(['a', 'b', 'c']);
    });

    it('are rejected while the storage is closed', async () => {
      const fixture = await open(newUrl);
      await fixture.storage.close();
      const outcomes = await Promise.allSettled(
        ['a', 'b'].map((name) => fixture.apply(received(name), writing(name), together)),
      );
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    });
  });
});
