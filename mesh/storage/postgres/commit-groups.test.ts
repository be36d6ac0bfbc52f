import { expect, it } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import type { Transaction } from '../storage.ts';
import { describeWithCounters, increment, inGroup, oneWaitsForALock, sleepers, values } from './testing/counters.ts';

describeWithCounters('commit groups on PostgreSQL', (counters) => {
  it('shares a commit among transactions that wait, at most 64', async () => {
    const { runTogether } = counters();
    const current = async (tx: Transaction) => (await tx.query('SELECT pg_current_xact_id()::text AS id'))[0]?.id;
    const ids = await Promise.all(runTogether(Array.from({ length: 130 }, () => current)));
    const sizes = [...new Set(ids)].map((id) => ids.filter((other) => other === id).length);
    expect(sizes).toEqual([64, 64, 2]);
  });

  it('sets no savepoint for a single transaction', async () => {
    const { storage, runTogether } = counters();
    // A row that is written after a savepoint has a separate id.
    const isPlain = async (tx: Transaction) => {
      await increment(tx);
      const [row] = await tx.query(
        "SELECT xmin::text = pg_current_xact_id()::text AS plain FROM counter WHERE name = 'a'",
      );
      return row?.plain;
    };
    expect(await storage.transaction(isPlain, inGroup)).toBe(1n);
    expect(await Promise.all(runTogether([isPlain, isPlain]))).toEqual([0n, 0n]);
  });

  it('runs two groups concurrently, so a blocked one does not block the other', async () => {
    const { storage, lock, runTogether } = counters();
    const unlock = await lock('a');
    const heldUp = runTogether([increment, increment]);
    await oneWaitsForALock(storage);
    for (let count = 1; count <= 3; count += 1) {
      expect(await storage.transaction((tx) => increment(tx, 'b'), { commitGroup: 'other' })).toBe(count);
    }
    await unlock();
    expect(await Promise.all(heldUp)).toEqual([2, 3]);
  });

  it('cancels the statement of a transaction whose signal aborts, and rolls back only that one', async () => {
    const { storage, runTogether } = counters();
    const caller = new AbortController();
    const reason = new Error('too late');
    const runs: unknown[] = [];
    const work = async (tx: Transaction) => {
      await increment(tx);
      runs.push((await tx.query('SELECT pg_current_xact_id()::text AS id'))[0]?.id);
      if (runs.length === 2) await tx.query('SELECT pg_sleep(60)');
    };
    const outcomes = Promise.allSettled(runTogether([work, work, work], [undefined, caller.signal]));
    await eventually(async () => expect(await sleepers(storage)).toHaveLength(1));
    caller.abort(reason);
    expect(await outcomes).toEqual([
      { status: 'fulfilled', value: undefined },
      { status: 'rejected', reason },
      { status: 'fulfilled', value: undefined },
    ]);
    expect(runs).toEqual([runs[0], runs[0], expect.not.stringMatching(`^${runs[0]}$`)]);
    expect(await values(storage)).toEqual([2n, 0n]);
  });

  it('runs the others again, once each, if a statement can only be cancelled with its connection', async () => {
    const { server, url, storage, open, lock, runTogether } = counters();
    const [maintenance, bystander] = [await open(server.url('postgres')), await open()];
    const allow = (connections: boolean) =>
      maintenance.execute(`ALTER DATABASE "${new URL(url).pathname.slice(1)}" ALLOW_CONNECTIONS ${connections}`);
    // Open connections, because no more can be opened later.
    await Promise.all([storage, storage, bystander, bystander].map(values));
    const unlock = await lock('b', bystander);
    const caller = new AbortController();
    const blocked = (tx: Transaction) => increment(tx, 'b');
    const outcomes = runTogether([increment, blocked, increment], [undefined, caller.signal]);
    const settled = Promise.allSettled(outcomes);
    await oneWaitsForALock(bystander);
    await allow(false);
    caller.abort(new Error('too late'));
    await expect(outcomes[1]).rejects.toThrow('too late');
    await unlock();
    expect((await settled).map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await values(bystander)).toEqual([2n, 1n]);
    await allow(true);
  });

  it('removes a waiting transaction whose signal aborts while others of its group run', async () => {
    const { storage, lock, runTogether } = counters();
    const unlock = await lock('a');
    const caller = new AbortController();
    const running = storage.transaction(increment, inGroup);
    await oneWaitsForALock(storage);
    const [leaving, behind] = runTogether([increment, increment], [caller.signal]);
    caller.abort(new Error('too late'));
    await expect(leaving).rejects.toThrow('too late');
    await unlock();
    expect(await Promise.all([running, behind])).toEqual([2, 3]);
  });
});
