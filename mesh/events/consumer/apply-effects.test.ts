import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
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

async function open(newUrl: NewDatabaseUrl, handler?: { readonly independentEffects: boolean }): Promise<Fixture> {
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
    apply: applyEffects(counted, claims, handler),
    transactions: () => transactions,
    written: async () => (await storage.query('SELECT value FROM effect ORDER BY value')).map(({ value }) => value),
    [Symbol.asyncDispose]: () => storage.close(),
  };
}

function received(name: string, key = name): ReceivedEvent {
  const event = { ...wrapped(key, 1, `id-${name}`), partition: 0, offset: 0n };
  return { event, attributes: readAttributes(event) };
}

const writing = (value: string) => async (tx: Transaction) => {
  await tx.execute('INSERT INTO effect (value) VALUES ($1)', [value]);
};
const breaking = (value: string) => async (tx: Transaction) => {
  await writing(value)(tx);
  throw new Error(`${value} broke`);
};
/** Keeps the process for 4 ms. */
const slow = (value: string) => async (tx: Transaction) => {
  const endMs = performance.now() + 4;
  while (performance.now() < endMs);
  await writing(value)(tx);
};
const names = Array.from({ length: 70 }, (_, index) => `${index + 10}`);

describe('effects that are ready at the same time', () => {
  describeOnEachDatabase((newUrl) => {
    it('share transactions, and each is written once', async () => {
      await using fixture = await open(newUrl);
      // Time for all of them.
      using _ = vi.spyOn(performance, 'now').mockReturnValue(0);
      const applying = names.map((name) => fixture.apply(received(name), writing(name)));
      expect(new Set(await Promise.all(applying))).toEqual(new Set(['applied']));
      expect(fixture.transactions()).toBe(2);
      expect(await fixture.written()).toEqual(names);
      const again = names.map((name) => fixture.apply(received(name), writing(name)));
      expect(new Set(await Promise.all(again))).toEqual(new Set(['known']));
      expect(await fixture.written()).toEqual(names);
    });

    it('let the process go on after some milliseconds, in order', async () => {
      await using fixture = await open(newUrl);
      await Promise.all(['known', 'unknown'].map((name) => fixture.apply(received(name), writing(name))));
      const before = fixture.transactions();
      const some = names.slice(0, 30);
      const order: string[] = [];
      const applying = Promise.all(
        some.map((name) => fixture.apply(received(name), slow(name)).then(() => order.push(name))),
      );
      let turns = 0;
      while (order.length < some.length) {
        await nextTurn();
        turns += 1;
      }
      await applying;
      // Two of 4 ms at a time, or a dozen.
      const least = fixture.storage.dialect === 'sqlite' ? some.length / 2 : 3;
      expect(fixture.transactions() - before).toBeGreaterThanOrEqual(least);
      expect(turns).toBeGreaterThanOrEqual(some.length / 2);
      expect(await fixture.written()).toEqual([...some, 'known', 'unknown']);
      expect(order).toEqual(some);
      const again = some.map((name) => fixture.apply(received(name), writing(name)));
      expect(new Set(await Promise.all(again))).toEqual(new Set(['known']));
    });

    it('share a transaction, even if the events of many others are known', async () => {
      await using fixture = await open(newUrl);
      using _ = vi.spyOn(performance, 'now').mockReturnValue(0);
      const [known, unknown] = [names.slice(0, 20), names.slice(20, 40)];
      const all = names.slice(0, 40);
      const applyAll = (those: readonly string[]) =>
        Promise.all(those.map((name) => fixture.apply(received(name), writing(name))));
      await applyAll(known);
      const before = fixture.transactions();
      const outcomes = await applyAll(all);
      expect(outcomes).toEqual(all.map((name) => (known.includes(name) ? 'known' : 'applied')));
      expect(await fixture.written()).toEqual(all);
      // One finds a known event before it has effects, and the second claims one by one, as the third does.
      expect(fixture.transactions() - before).toBe(2);
      expect(new Set(await applyAll(unknown))).toEqual(new Set(['known']));
      expect(fixture.transactions() - before).toBe(3);
    });

    it('are not written again for an event that has failed, and is delivered again', async () => {
      await using fixture = await open(newUrl);
      const bad = received('bad');
      let runs = 0;
      const counting = (name: string) => async (tx: Transaction) => {
        runs += 1;
        await writing(name)(tx);
      };
      const deliver = (name: string) =>
        Promise.allSettled([
          fixture.apply(received(name), counting(name)),
          fixture.apply(bad, breaking('bad')),
          fixture.apply(received(`${name}2`), counting(`${name}2`)),
        ]);
      await deliver('a');
      runs = 0;
      const outcomes = await deliver('b');
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(runs).toBe(2);
      expect(await fixture.written()).toEqual(['a', 'a2', 'b', 'b2']);
    });

    it('are written alone after a lost race, and share transactions again', async (context) => {
      await using fixture = await open(newUrl);
      if (fixture.storage.dialect === 'sqlite') return context.skip('SQLite has one writer at a time');
      using _ = vi.spyOn(performance, 'now').mockReturnValue(0);
      let races = 0;
      const losing = (value: string) => async (tx: Transaction) => {
        await writing(value)(tx);
        races += 1;
        if (races === 1) await tx.execute("DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$");
      };
      const applyAll = (those: readonly string[], effectOf = writing) =>
        Promise.all(those.map((name) => fixture.apply(received(name), effectOf(name))));
      await applyAll(names.slice(0, 2));
      expect(new Set(await applyAll(names.slice(2, 10), losing))).toEqual(new Set(['applied']));
      // The effect that lost, and each of the eight alone.
      expect(races).toBe(9);
      const before = fixture.transactions();
      await applyAll(names.slice(10, 40));
      expect(fixture.transactions() - before).toBeLessThan(8);
      expect(await fixture.written()).toEqual(names.slice(0, 40));
    });

    it('of different keys are written at the same time on PostgreSQL if they are independent', async () => {
      await using fixture = await open(newUrl, { independentEffects: true });
      using _ = vi.spyOn(performance, 'now').mockReturnValue(0);
      const steps: string[] = [];
      const noting = (name: string) => async (tx: Transaction) => {
        steps.push(`${name} starts`);
        await writing(name)(tx);
        steps.push(`${name} ends`);
      };
      const events = () => [received('a1', 'a'), received('b1', 'b'), received('a2', 'a')];
      await Promise.all(['x', 'y'].map((name) => fixture.apply(received(name), writing(name))));
      await Promise.all(events().map((one) => fixture.apply(one, noting(one.attributes.id.slice(3)))));
      const inTurn = ['a1 starts', 'a1 ends', 'b1 starts', 'b1 ends', 'a2 starts', 'a2 ends'];
      if (fixture.storage.dialect === 'sqlite') return expect(steps).toEqual(inTurn);
      expect(steps.toSorted()).toEqual(inTurn.toSorted());
      expect(steps.slice(0, 2)).toEqual(['a1 starts', 'b1 starts']);
      expect(steps.indexOf('a2 starts')).toBeGreaterThan(steps.indexOf('a1 ends'));
    });

    it('fail alone if they are independent', async () => {
      await using fixture = await open(newUrl, { independentEffects: true });
      await Promise.all(['x', 'y'].map((name) => fixture.apply(received(name), writing(name))));
      const outcomes = await Promise.allSettled(
        ['a', 'b', 'c'].map((name) => fixture.apply(received(name), name === 'b' ? breaking(name) : writing(name))),
      );
      expect(outcomes).toMatchObject([{ value: 'applied' }, { reason: { message: 'b broke' } }, { value: 'applied' }]);
      expect(await fixture.written()).toEqual(['a', 'c', 'x', 'y']);
    });

    it('fail alone, with their own error', async () => {
      await using fixture = await open(newUrl);
      const outcomes = await Promise.allSettled(
        ['a', 'b', 'c', 'd'].map((name) =>
          fixture.apply(received(name), name === 'b' || name === 'd' ? breaking(name) : writing(name)),
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
      await expect(fixture.apply(received('b'), writing('b'))).resolves.toBe('applied');
    });

    it('are written once if an event is known or comes twice', async () => {
      await using fixture = await open(newUrl);
      await fixture.apply(received('b'), writing('b'));
      const outcomes = await Promise.all(
        ['a', 'b', 'c', 'c'].map((name) => fixture.apply(received(name), writing(name))),
      );
      expect(outcomes.toSorted()).toEqual(['applied', 'applied', 'known', 'known']);
      expect(await fixture.written()).toEqual(['a', 'b', 'c']);
    });

    it('are rejected while the storage is closed', async () => {
      const fixture = await open(newUrl);
      await fixture.storage.close();
      const outcomes = await Promise.allSettled(['a', 'b'].map((name) => fixture.apply(received(name), writing(name))));
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    });
  });
});
