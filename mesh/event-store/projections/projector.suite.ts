import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { added } from '../testing/fixture.ts';
import { createTotals, makeProjector, openTotals } from '../testing/totals.ts';
import { totalsOf } from '../testing/totals-table.ts';

/** How a projector follows the events, on every database. */
export function projectorSuite(newUrl: NewDatabaseUrl): void {
  it('projects the events that exist, and then the new ones', async () => {
    const opened = await openTotals(newUrl());
    await opened.store.append('a', 0n, [added(1), added(2)]);
    const projector = await makeProjector(opened, createTotals());
    await projector.start();
    await opened.store.append('b', 0n, added(5));
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '3', b: '5' }));
    await expect(projector.admin.list()).resolves.toMatchObject([
      { name: 'test/totals', behindSinceMs: undefined, parkedEvents: 0, generation: 1n, rebuilding: false },
    ]);
  });

  it('continues where it ended, and applies each event once', async () => {
    const opened = await openTotals(newUrl());
    const first = await makeProjector(opened, createTotals());
    await first.start();
    await opened.store.append('a', 0n, added(1));
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '1' }));
    await first.stop();
    await opened.store.append('a', 1n, added(10));
    const projection = createTotals();
    const second = await makeProjector(opened, projection);
    await second.start();
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '11' }));
    expect(projection.given).toHaveLength(1);
  });

  it('applies each event once with two independent projectors', async () => {
    const opened = await openTotals(newUrl());
    const projectors = [await makeProjector(opened, createTotals()), await makeProjector(opened, createTotals())];
    for (const projector of projectors) await projector.start();
    await Promise.all(
      Array.from({ length: 100 }, (_, index) => opened.store.append(`s-${index % 5}`, 'any', added(1))),
    );
    const each = { 's-0': '20', 's-1': '20', 's-2': '20', 's-3': '20', 's-4': '20' };
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual(each));
  });

  it('resolves `reached` when it includes an event', async () => {
    const opened = await openTotals(newUrl());
    const projector = await makeProjector(opened, createTotals());
    await opened.store.append('a', 0n, added(1));
    const caller = new AbortController();
    const waiting = projector.reached('totals', 'a', 1n, caller.signal);
    await projector.start();
    await expect(waiting).resolves.toBe(true);
    expect(await totalsOf(opened.storage)).toEqual({ a: '1' });
    await expect(projector.reached('totals', 'a', 2n, caller.signal)).resolves.toBe(false);
    await projector.stop();
    await opened.store.append('a', 1n, added(1));
    const inVain = projector.reached('totals', 'a', 2n, caller.signal);
    caller.abort();
    await expect(inVain).resolves.toBe(false);
  });

  it('fails its check while it is behind by more than its limit', async () => {
    const opened = await openTotals(newUrl());
    const clock = createTestClock();
    const projection = createTotals({ maxLagMs: 5_000 });
    const projector = await makeProjector(opened, projection, clock);
    await opened.store.append('a', 0n, added(1));
    await projector.check();
    clock.advance(5_000);
    clock.shift(86_400_000);
    await projector.check();
    clock.shift(-2 * 86_400_000);
    clock.advance(1);
    await expect(projector.check()).rejects.toMatchObject({
      reason: 'PROJECTION_BEHIND',
      metadata: { name: 'test/totals', position: '0' },
    });
    await projector.start();
    await eventually(() => projector.check());
  });
}
