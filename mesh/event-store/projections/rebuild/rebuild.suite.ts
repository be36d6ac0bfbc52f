import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../../testing/databases.ts';
import { eventually } from '../../../testing/eventually.ts';
import { createTestClock } from '../../../testing/test-clock.ts';
import { systemClock } from '../../../time/clock.ts';
import { added, logger } from '../../testing/fixture.ts';
import { createTotals, makeProjector, openTotals, rebuildTotals, twiceOf } from '../../testing/totals.ts';
import { totalsOf } from '../../testing/totals-table.ts';
import { projectionAudits } from '../audit-projections.ts';
import { selectGenerations } from '../generation-table.ts';
import { dropGeneration } from './rebuild.ts';

const signal = new AbortController().signal;

/** How a projection is rebuilt, on every database. */
export function rebuildSuite(newUrl: NewDatabaseUrl): void {
  it('builds equal rows, reports their hash, and switches to them', async () => {
    const opened = await openTotals(newUrl());
    const projector = await makeProjector(opened, createTotals());
    await projector.start();
    let position = 0n;
    for (let index = 0; index < 700; index += 1) {
      const [event] = await opened.store.append(`s-${index % 600}`, 'any', added(index));
      position = event?.position ?? position;
    }
    await eventually(async () => expect((await projector.admin.list())[0]?.position).toBe(position));
    const before = await totalsOf(opened.storage);
    const steps = await Array.fromAsync(projector.admin.rebuild('totals', { dryRun: false }, signal));
    const last = steps.at(-1);
    expect(last).toMatchObject({ stage: 'switched', eventsDone: 700, eventsTotal: 700, rowsCompared: 600 });
    expect(last).toMatchObject({ rowsDifferent: 0, differences: [], liveHash: last?.rebuiltHash });
    expect(last?.liveHash).toMatch(/^[0-9a-f]{64}$/);
    expect(await totalsOf(opened.storage)).toEqual(before);
    await expect(projector.admin.list()).resolves.toMatchObject([{ generation: 2n, rebuilding: false }]);
    const rows = await opened.storage.query('SELECT DISTINCT generation FROM totals');
    expect(rows).toEqual([{ generation: 2n }]);
    await opened.store.append('s-0', 'any', added(1));
    await eventually(async () => expect(await totalsOf(opened.storage)).not.toEqual(before));
  });

  it('reports the rows that differ from the events, and corrects them', async () => {
    const opened = await openTotals(newUrl());
    const projector = await makeProjector(opened, createTotals());
    await projector.start();
    for (const stream of ['a', 'b', 'c']) await opened.store.append(stream, 0n, added(1));
    await eventually(async () => expect(Object.keys(await totalsOf(opened.storage))).toHaveLength(3));
    await opened.storage.execute(`UPDATE totals SET total = '999' WHERE stream = 'a'`);
    await opened.storage.execute(`DELETE FROM totals WHERE stream = 'b'`);
    await opened.storage.execute(`INSERT INTO totals (generation, stream, total, events) VALUES (1, 'd', '5', 1)`);
    const compared = await rebuildTotals(projector, true);
    expect(compared).toMatchObject({ stage: 'discarded', rowsDifferent: 3 });
    expect(compared?.differences).toEqual([
      { key: 'totals stream="a"', live: 'total="999" events=1', rebuilt: 'total="1" events=1' },
      { key: 'totals stream="b"', live: undefined, rebuilt: 'total="1" events=1' },
      { key: 'totals stream="d"', live: 'total="5" events=1', rebuilt: undefined },
    ]);
    expect(compared?.liveHash).not.toBe(compared?.rebuiltHash);
    expect(await totalsOf(opened.storage)).toMatchObject({ a: '999' });
    await expect(rebuildTotals(projector)).resolves.toMatchObject({ stage: 'switched', rowsDifferent: 3 });
    expect(await totalsOf(opened.storage)).toEqual({ a: '1', b: '1', c: '1' });
    await expect(rebuildTotals(projector, true)).resolves.toMatchObject({ rowsDifferent: 0 });
  });

  it('runs next to writes, and no query sees less than one before', async () => {
    const opened = await openTotals(newUrl());
    const projector = await makeProjector(opened, createTotals());
    await projector.start();
    for (let index = 0; index < 600; index += 1) await opened.store.append(`s-${index % 7}`, 'any', added(1));
    const sum = async () => Object.values(await totalsOf(opened.storage)).reduce((a, b) => a + Number(b), 0);
    await eventually(async () => expect(await sum()).toBe(600));
    let writing = true;
    let written = 0;
    const writer = (async () => {
      for (; writing && written < 5_000; written += 1) await opened.store.append(`s-${written % 7}`, 'any', added(1));
    })();
    const sums: number[] = [];
    const reader = (async () => {
      // A query on SQLite does not yield to the event loop.
      for (; writing; await nextTurn()) sums.push(await sum());
    })();
    // On a busy machine, three rebuilds may end before there are many writes.
    for (let round = 0; round < 3 || written <= 20; round += 1) {
      const last = await rebuildTotals(projector);
      expect(last).toMatchObject({ stage: 'switched', rowsDifferent: 0 });
    }
    writing = false;
    await Promise.all([writer, reader]);
    expect(sums).toEqual(sums.toSorted((a, b) => a - b));
    await eventually(async () => expect(await sum()).toBe(600 + written));
  });

  it('removes its rows when it is cancelled, and refuses a second one at a time', async () => {
    const opened = await openTotals(newUrl());
    const projector = await makeProjector(opened, createTotals());
    await projector.start();
    await opened.store.append(
      'a',
      0n,
      Array.from({ length: 600 }, () => added(1)),
    );
    const caller = new AbortController();
    const rebuild = projector.admin.rebuild('totals', { dryRun: false }, caller.signal);
    await rebuild.next();
    const second = projector.admin.rebuild('totals', { dryRun: false }, signal).next();
    await expect(second).rejects.toMatchObject({ reason: 'REBUILD_RUNNING' });
    await expect(projector.admin.list()).resolves.toMatchObject([{ rebuilding: true }]);
    caller.abort(new Error('cancelled'));
    await expect(Array.fromAsync(rebuild)).rejects.toThrow('cancelled');
    const [live, ...others] = await selectGenerations(opened.storage, 'totals');
    expect(live).toMatchObject({ generation: 1n, state: 'live' });
    expect(others.map(({ state }) => state)).toEqual(['dropped']);
    expect(await opened.storage.query('SELECT 1 AS one FROM totals WHERE generation <> 1')).toEqual([]);
    const again = await rebuildTotals(projector);
    expect(again).toMatchObject({ stage: 'switched' });
  });

  it('is refused while another process runs one, even if their clocks differ by an hour', async () => {
    const opened = await openTotals(newUrl());
    const nowMs = Date.now();
    const running = await makeProjector(opened, createTotals(), createTestClock(nowMs));
    const steps = running.admin.rebuild('totals', { dryRun: false }, signal);
    await steps.next();
    for (const offMs of [-3_600_000, 3_600_000]) {
      const other = await makeProjector(opened, createTotals(), createTestClock(nowMs + offMs));
      await expect(rebuildTotals(other)).rejects.toMatchObject({ reason: 'REBUILD_RUNNING' });
    }
    expect((await Array.fromAsync(steps)).at(-1)).toMatchObject({ stage: 'switched' });
  });

  it('replaces one that an earlier version left in a process whose clock was a year ahead', async () => {
    const opened = await openTotals(newUrl());
    const gone = await makeProjector(opened, createTotals());
    await gone.admin.rebuild('totals', { dryRun: false }, signal).next();
    const aheadMs = Date.now() + 365 * 86_400_000;
    await opened.storage.execute("UPDATE projection_generation SET until_ms = $1 WHERE state <> 'live'", [aheadMs]);
    const projector = await makeProjector(opened, createTotals());
    const last = await rebuildTotals(projector);
    expect(last).toMatchObject({ stage: 'switched' });
    await projector.start();
    await eventually(async () =>
      expect((await selectGenerations(opened.storage, 'totals')).map(({ state }) => state)).toEqual(['live']),
    );
  });

  it('is awaited by an audit of the projection', async () => {
    const opened = await openTotals(newUrl());
    const projector = await makeProjector(opened, createTotals());
    const steps = projector.admin.rebuild('totals', { dryRun: true }, signal);
    await steps.next();
    const [check] = projectionAudits(projector.names, projector.admin, systemClock);
    if (!check) throw new Error('expected a check');
    const examined = Promise.withResolvers<number>();
    const audit = Array.fromAsync(check.run({ examined: examined.resolve }, signal));
    await eventually(async () => expect(await projector.admin.list()).toMatchObject([{ rebuilding: true }]));
    expect((await Array.fromAsync(steps)).at(-1)).toMatchObject({ stage: 'discarded' });
    expect(await audit).toEqual([]);
    expect(await examined.promise).toBe(0);
  });

  it('never deletes the live generation', async () => {
    const opened = await openTotals(newUrl());
    const projection = createTotals();
    const projector = await makeProjector(opened, projection);
    await projector.start();
    await opened.store.append('a', 0n, added(1));
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '1' }));
    await dropGeneration({ projection, storage: opened.storage, logger, stopping: signal }, 1n);
    expect(await totalsOf(opened.storage)).toEqual({ a: '1' });
    expect(await selectGenerations(opened.storage, 'totals')).toMatchObject([{ generation: 1n, state: 'live' }]);
  });

  it('refuses an unknown projection', async () => {
    const projector = await makeProjector(await openTotals(newUrl()), createTotals());
    const unknown = projector.admin.rebuild('others', { dryRun: false }, signal).next();
    await expect(unknown).rejects.toMatchObject({ reason: 'UNKNOWN_PROJECTION' });
    await expect(unknown).rejects.toThrow('test/totals');
  });

  it('runs at the start after the definition has changed', async () => {
    const opened = await openTotals(newUrl());
    const first = await makeProjector(opened, createTotals());
    await first.start();
    await opened.store.append('a', 0n, added(1));
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '1' }));
    await first.stop();
    const doubled = createTotals({ version: 2 });
    const second = await makeProjector(opened, { ...doubled, apply: twiceOf(doubled) });
    await second.start();
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '2' }));
    // An older program leaves it alone.
    await second.stop();
    const older = await makeProjector(opened, createTotals());
    await older.start();
    await opened.store.append('a', 1n, added(1));
    const third = await makeProjector(opened, { ...doubled, apply: twiceOf(doubled) });
    await third.start();
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '4' }));
  });
}
