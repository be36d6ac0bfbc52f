import { describe, expect, it, vi } from 'vitest';
import type { Transaction } from '../../storage/storage.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { breaking, openEffects, received, writing } from '../testing/effects.ts';
import type { ReceivedEvent } from './claims.ts';

const names = Array.from({ length: 40 }, (_, index) => `${index + 10}`);

describe('effects that fail in a transaction that they share', () => {
  describeOnEachDatabase((newUrl) => {
    it('are not written again for an event that has failed, and is delivered again', async () => {
      await using fixture = await openEffects(newUrl);
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
      await using fixture = await openEffects(newUrl);
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
      await applyAll(names.slice(10));
      expect(fixture.transactions() - before).toBeLessThan(8);
      expect(await fixture.written()).toEqual(names);
    });

    it('are rejected alone if they are independent', async () => {
      await using fixture = await openEffects(newUrl, { independentEffects: true });
      await Promise.all(['x', 'y'].map((name) => fixture.apply(received(name), writing(name))));
      const outcomes = await Promise.allSettled(
        ['a', 'b', 'c'].map((name) => fixture.apply(received(name), name === 'b' ? breaking(name) : writing(name))),
      );
      expect(outcomes).toMatchObject([{ value: 'applied' }, { reason: { message: 'b broke' } }, { value: 'applied' }]);
      expect(await fixture.written()).toEqual(['a', 'c', 'x', 'y']);
    });

    it('are rejected alone, with their own error', async () => {
      await using fixture = await openEffects(newUrl);
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

    it('are written one after another, in order, after one of them has failed', async () => {
      await using fixture = await openEffects(newUrl);
      // Time for all of them in one transaction.
      using _ = vi.spyOn(performance, 'now').mockReturnValue(0);
      const sleep = fixture.storage.dialect === 'postgres' ? 'SELECT pg_sleep(0.1)' : 'SELECT 1';
      // Opens connections, so that none has to wait for one.
      await Promise.all([1, 2, 3, 4].map(() => fixture.storage.query(sleep)));
      const ended: string[] = [];
      const deliver = (one: ReceivedEvent, effect: (tx: Transaction) => Promise<void>) => {
        const end = () => ended.push(one.attributes.id.slice(3));
        return fixture.apply(one, effect).then(end, end);
      };
      const late = (value: string) => async (tx: Transaction) => {
        await tx.query(sleep);
        await writing(value)(tx);
      };
      const bad = received('bad');
      await Promise.all([
        // All share a transaction but `a3`, which comes when `a1` has ended.
        deliver(received('first'), late('first')),
        deliver(received('a1', 'a'), late('a1')).then(() => deliver(received('a3', 'a'), writing('a3'))),
        deliver(received('a2', 'a'), writing('a2')),
        deliver(bad, breaking('bad')),
      ]);
      expect(ended).toEqual(['first', 'a1', 'a2', 'bad', 'a3']);
      // An event that has failed before gets a transaction of its own, which waits for its turn.
      await Promise.all([
        deliver(received('b1', 'b'), late('b1')),
        deliver(bad, breaking('bad')),
        deliver(received('b2', 'b'), writing('b2')),
      ]);
      expect(fixture.mostAtATime()).toBe(1);
      expect(await fixture.written()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2', 'first']);
    });

    it('are rejected while the storage is closed', async () => {
      const fixture = await openEffects(newUrl);
      await fixture.storage.close();
      const outcomes = await Promise.allSettled(['a', 'b'].map((name) => fixture.apply(received(name), writing(name))));
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    });
  });
});
