import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import type { Storage, Transaction, TransactionOptions } from '../storage.ts';
import { counterOf, insert, open, openWithTables } from './fixture.ts';

const inGroup = { commitGroup: 'hot' };

async function openWithCounter(url: string): Promise<Storage> {
  const storage = await openWithTables(url);
  await storage.execute(...insert('hot', 0n));
  return storage;
}

async function increment(tx: Transaction): Promise<number> {
  const [row] = await tx.query("UPDATE counter SET value = value + 1 WHERE name = 'hot' RETURNING value");
  return Number(row?.value);
}

/** Increments in `count` transactions of one group, and runs `extra` in the `odd`th. */
function incrementAll(
  storage: Storage,
  count: number,
  odd: number,
  extra: (tx: Transaction) => unknown,
  options: TransactionOptions = {},
) {
  return Promise.allSettled(
    Array.from({ length: count }, (_, index) =>
      storage.transaction(
        async (tx) => {
          const value = await increment(tx);
          if (index === odd) await extra(tx);
          return value;
        },
        index === odd ? { ...options, ...inGroup } : inGroup,
      ),
    ),
  );
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

function valuesOf(outcomes: readonly PromiseSettledResult<number>[]): number[] {
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}

export function commitGroupSuite(newUrl: NewDatabaseUrl): void {
  it('runs its transactions one after another, in order, and each sees the one before', async () => {
    const storage = await openWithCounter(newUrl());
    const values = await Promise.all(upTo(200).map(() => storage.transaction(increment, inGroup)));
    expect(values).toEqual(upTo(200));
    expect(await counterOf(storage, 'hot')).toBe(200n);
  });

  it('rolls back one that throws alone, with its error', async () => {
    const storage = await openWithCounter(newUrl());
    const refusal = new Error('refused');
    const outcomes = await incrementAll(storage, 20, 9, () => Promise.reject(refusal));
    expect(outcomes[9]).toEqual({ status: 'rejected', reason: refusal });
    expect(valuesOf(outcomes)).toEqual(upTo(19));
    expect(await counterOf(storage, 'hot')).toBe(19n);
  });

  it('rolls back one with a failed statement alone, even if its work continues', async () => {
    const storage = await openWithCounter(newUrl());
    const fail = (tx: Transaction) => tx.execute(...insert('hot', 5n)).catch(() => 'ignored');
    const outcomes = await incrementAll(storage, 20, 9, fail);
    expect(outcomes[9]).toMatchObject({ reason: { message: expect.stringContaining('INSERT INTO counter') } });
    expect(valuesOf(outcomes)).toEqual(upTo(19));
    expect(await counterOf(storage, 'hot')).toBe(19n);
  });

  it('rolls back one whose signal aborts while it runs alone', async () => {
    const storage = await openWithCounter(newUrl());
    const caller = new AbortController();
    const reason = new Error('too late');
    const outcomes = await incrementAll(storage, 20, 9, () => caller.abort(reason), { signal: caller.signal });
    expect(outcomes[9]).toEqual({ status: 'rejected', reason });
    expect(valuesOf(outcomes)).toEqual(upTo(19));
    expect(await counterOf(storage, 'hot')).toBe(19n);
  });

  it.each<[string, (storage: Storage) => Promise<unknown>]>([
    ['a timer', () => setTimeout(1)],
    ['another of its group', (storage) => storage.transaction(increment, inGroup)],
    ['a promise that never settles', () => new Promise(() => undefined)],
  ])(
    'refuses one that awaits something other than its statements, and rolls it back alone: %s',
    async (_title, wait) => {
      const storage = await openWithCounter(newUrl());
      const outcomes = await incrementAll(storage, 20, 9, () => wait(storage));
      expect(outcomes[9]).toMatchObject({ reason: { code: 13, reason: 'TRANSACTION_AWAITED_OUTSIDE' } });
      expect(valuesOf(outcomes)).toEqual(upTo(19));
    },
  );

  it('does not begin one whose signal aborts while it waits', async () => {
    const storage = await openWithCounter(newUrl());
    const caller = new AbortController();
    const reason = new Error('too late');
    let begun = false;
    const before = storage.transaction(increment, inGroup);
    const waiting = storage.transaction(
      async () => {
        begun = true;
      },
      { ...inGroup, signal: caller.signal },
    );
    const after = storage.transaction(increment, inGroup);
    caller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(await Promise.all([before, after])).toEqual([1, 2]);
    expect(begun).toBe(false);
  });

  it('runs actions after the commit once it is visible, only for those that were committed', async () => {
    const url = newUrl();
    const [storage, other] = [await openWithCounter(url), await open(url)];
    const seen: Promise<bigint | undefined>[] = [];
    const watch = async (tx: Transaction): Promise<void> => {
      const value = await increment(tx);
      tx.afterCommit(() => void seen.push(counterOf(other, 'hot')));
      if (value === 3) throw new Error('refused');
    };
    const watching = [watch, watch, watch].map((work) => storage.transaction(work, inGroup));
    await Promise.allSettled([...watching, storage.transaction(increment, inGroup)]);
    await eventually(() => expect(seen.length).toBe(2));
    expect(await Promise.all(seen)).toEqual([3n, 3n]);
  });

  it('runs the work and the actions after its commit in the context of its caller', async () => {
    const storage = await openWithCounter(newUrl());
    const caller = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const work = async (tx: Transaction) => {
      await increment(tx);
      tx.afterCommit(() => seen.push(caller.getStore()));
      return caller.getStore();
    };
    const run = (name: string) => caller.run(name, () => storage.transaction(work, inGroup));
    expect(await Promise.all(['a', 'b', 'c'].map(run))).toEqual(['a', 'b', 'c']);
    await eventually(() => expect(seen).toEqual(['a', 'b', 'c']));
  });

  it('loses nothing between groups and transactions without one', async () => {
    const storage = await openWithCounter(newUrl());
    const options = [{ commitGroup: 'a' }, { commitGroup: 'b' }, undefined];
    const values = await Promise.all(
      upTo(90).map((index) => storage.transaction(increment, options[index % options.length])),
    );
    expect(values.toSorted((a, b) => a - b)).toEqual(upTo(90));
  });

  it('ends its waiting transactions before the storage closes', async () => {
    const url = newUrl();
    const storage = await openWithCounter(url);
    const increments = upTo(100).map(() => storage.transaction(increment, inGroup));
    await storage.close();
    expect(await Promise.all(increments)).toEqual(upTo(100));
    expect(await counterOf(await open(url), 'hot')).toBe(100n);
  });
}
