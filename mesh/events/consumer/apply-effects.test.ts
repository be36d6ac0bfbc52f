import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import type { Transaction } from '../../storage/storage.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { openEffects, received, writing } from '../testing/effects.ts';

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
      await using fixture = await openEffects(newUrl);
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
      await using fixture = await openEffects(newUrl);
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
      await using fixture = await openEffects(newUrl);
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

    it('of different keys are written at the same time on PostgreSQL if they are independent', async () => {
      await using fixture = await openEffects(newUrl, { independentEffects: true });
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

    it('of one key share a transaction for some milliseconds on PostgreSQL, even if keys are independent', async (context) => {
      await using fixture = await openEffects(newUrl, { independentEffects: true });
      if (fixture.storage.dialect === 'sqlite') return context.skip('SQLite writes one effect after another');
      const sleeping = (name: string) => async (tx: Transaction) => {
        await tx.query('SELECT pg_sleep(0.02)');
        await writing(name)(tx);
      };
      await Promise.all(['x', 'y'].map((name) => fixture.apply(received(name), writing(name))));
      const before = fixture.transactions();
      const ended: string[] = [];
      const [its, others] = [names.slice(0, 15), names.slice(15, 20)];
      await Promise.all([
        ...its.map((name) => fixture.apply(received(name, 'a'), sleeping(name)).then(() => ended.push(name))),
        ...others.map((name) => fixture.apply(received(name), sleeping(name))),
      ]);
      // Three of 20 ms at a time, or fewer.
      expect(fixture.transactions() - before).toBeGreaterThanOrEqual(5);
      expect(ended).toEqual(its);
      expect(await fixture.written()).toEqual([...its, ...others, 'x', 'y']);
      const again = its.map((name) => fixture.apply(received(name, 'a'), writing(name)));
      expect(new Set(await Promise.all(again))).toEqual(new Set(['known']));
    });

    it('are written once if an event is known or comes twice', async () => {
      await using fixture = await openEffects(newUrl);
      await fixture.apply(received('b'), writing('b'));
      const outcomes = await Promise.all(
        ['a', 'b', 'c', 'c'].map((name) => fixture.apply(received(name), writing(name))),
      );
      expect(outcomes.toSorted()).toEqual(['applied', 'applied', 'known', 'known']);
      expect(await fixture.written()).toEqual(['a', 'b', 'c']);
    });
  });
});
