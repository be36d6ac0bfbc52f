import { expect, it, onTestFinished } from 'vitest';
import type { Transaction } from '../storage.ts';
import { openPostgres } from './postgres.ts';
import {
  describeWithCounters,
  increment,
  inGroup,
  lostCommits,
  slowCommit,
  terminateSleeper,
  unavailable,
  untilOneWaitsForALock,
  values,
} from './testing/counters.ts';

describeWithCounters('commit groups on PostgreSQL, when one fails', (counters) => {
  it.each([
    ['the group', ['a', 'b', 'b', 'b, too', 'outside']],
    ['the other', ['a', 'b', 'b, too', 'outside', 'outside']],
  ])('resolves a deadlock with a transaction outside of the group if %s loses', async (loser, expectedRuns) => {
    const { storage, runTogether } = counters();
    const [outsideHasB, groupHasA] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const runs: string[] = [];
    const met = new Set<string>();
    // Only the one that is to lose looks for a deadlock, which is complete when it waits for its lock.
    const meet = async (tx: Transaction, side: string) => {
      if (met.has(side)) return;
      met.add(side);
      if (side === loser) await tx.execute(untilOneWaitsForALock);
      else await tx.query("SELECT set_config('deadlock_timeout', '60s', true)");
    };
    const outside = storage.transaction(async (tx) => {
      runs.push('outside');
      await increment(tx, 'b');
      outsideHasB.resolve();
      await groupHasA.promise;
      await meet(tx, 'the other');
      await increment(tx, 'a');
    });
    await outsideHasB.promise;
    const take = (run: string) => async (tx: Transaction) => {
      runs.push(run);
      if (run === 'b') groupHasA.resolve();
      if (run === 'b') await meet(tx, 'the group');
      await increment(tx, run.slice(0, 1));
    };
    await Promise.all([outside, ...runTogether([take('a'), take('b'), take('b, too')])]);
    expect(await values(storage)).toEqual([2n, 3n]);
    expect(runs.toSorted()).toEqual(expectedRuns);
  });

  it('fails a transaction that keeps losing, and runs the others once', async () => {
    const { runTogether } = counters();
    let [runs, runsOfLoser] = [0, 0];
    const winner = async (tx: Transaction) => {
      runs += 1;
      return increment(tx);
    };
    const loser = async (tx: Transaction) => {
      runsOfLoser += 1;
      await tx.query("DO 'BEGIN RAISE serialization_failure; END'");
      return 0;
    };
    const outcomes = await Promise.allSettled(runTogether([winner, winner, loser, winner]));
    expect(outcomes).toMatchObject([
      { value: 1 },
      { value: 2 },
      { reason: { reason: 'STORAGE_CONTENTION' } },
      { value: 3 },
    ]);
    expect([runs, runsOfLoser]).toEqual([3, 6]);
  });

  it.each([1, 3])('runs all of them again if their commit lost a race: %i', async (count) => {
    const { storage, runTogether } = counters();
    await storage.migrate('test', [lostCommits]);
    const results = await Promise.all(runTogether(Array.from({ length: count }, () => increment)));
    expect(results.toSorted()).toEqual([1, 2, 3].slice(0, count));
  });

  it('fails transactions that ran when the connection was lost, and runs the next ones on another', async () => {
    const { storage, runTogether } = counters();
    const sleep = async (tx: Transaction) => Number((await tx.query('SELECT pg_sleep(60)')).length);
    const refuse = async (tx: Transaction) => {
      await increment(tx);
      throw new Error('refused');
    };
    const outcomes = Promise.allSettled(runTogether([increment, refuse, sleep, increment]));
    await terminateSleeper(storage);
    expect(await outcomes).toMatchObject([
      { reason: unavailable },
      { reason: { message: 'refused' } },
      { reason: unavailable },
      { value: 1 },
    ]);
    expect(await storage.transaction(increment, inGroup)).toBe(2);
  });

  it('reports an unknown outcome to all if the connection is lost during their commit, and continues', async () => {
    const { storage, runTogether } = counters();
    await storage.migrate('test', [slowCommit]);
    const outcomes = Promise.allSettled(runTogether(Array.from({ length: 3 }, () => increment)));
    await terminateSleeper(storage);
    const unknown = { reason: { code: 14, reason: 'STORAGE_OUTCOME_UNKNOWN' } };
    expect(await outcomes).toMatchObject([unknown, unknown, unknown]);
    expect(await storage.transaction(increment, inGroup)).toBe(1);
  });

  it('undoes none that is done if the next one is cancelled before its first statement is sent', async () => {
    const { storage, runTogether } = counters();
    const caller = new AbortController();
    const leave = (tx: Transaction) => {
      const called = increment(tx, 'b');
      caller.abort(new Error('too late'));
      return called;
    };
    const outcomes = Promise.allSettled(runTogether([increment, leave, increment], [undefined, caller.signal]));
    const done = { status: 'fulfilled' };
    expect(await outcomes).toMatchObject([done, { reason: { message: 'too late' } }, done]);
    expect(await values(storage)).toEqual([2n, 0n]);
  });

  it('undoes none that is done if the next one cannot be kept apart, because the session lost its statements', async () => {
    const { url } = counters();
    const single = await openPostgres(url, { poolSize: 1 });
    onTestFinished(() => single.close());
    const runTogether = (works: readonly ((tx: Transaction) => Promise<unknown>)[]) =>
      Promise.all(works.map((work) => single.transaction(work, inGroup)));
    await runTogether([increment, increment, increment]);
    const forget = async (tx: Transaction) => {
      await increment(tx);
      await tx.execute('DEALLOCATE ALL');
    };
    await runTogether([increment, forget, increment]);
    expect(await values(single)).toEqual([6n, 0n]);
  });

  it('fails all that wait if the server cannot be reached, and works again after its restart', async () => {
    const { server, storage, runTogether } = counters();
    await server.killImmediate();
    const outcomes = await Promise.allSettled(runTogether(Array.from({ length: 200 }, () => increment)));
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: unavailable });
    await server.restart();
    await storage.check();
    expect(await storage.transaction(increment, inGroup)).toBe(1);
  });

  it('fails all that wait if no connection becomes free in time', async () => {
    const { url } = counters();
    const small = await openPostgres(url, { poolSize: 1, connectTimeoutMs: 1_000 });
    onTestFinished(() => small.close());
    const held = Promise.withResolvers<void>();
    const holding = small.transaction(() => held.promise);
    const waiting = Array.from({ length: 200 }, () => small.transaction(increment, inGroup));
    for (const outcome of await Promise.allSettled(waiting)) expect(outcome).toMatchObject({ reason: unavailable });
    held.resolve();
    await holding;
    expect(await small.transaction(increment, inGroup)).toBe(1);
  });
});
