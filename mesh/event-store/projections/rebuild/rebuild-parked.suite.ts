import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../../testing/databases.ts';
import { eventually } from '../../../testing/eventually.ts';
import { systemClock } from '../../../time/clock.ts';
import { added } from '../../testing/fixture.ts';
import { createTotals, makeProjector, openTotals, rebuildTotals } from '../../testing/totals.ts';
import { totalsOf } from '../../testing/totals-table.ts';
import { projectionAudits } from '../audit-projections.ts';

const signal = new AbortController().signal;

/** How a projection is rebuilt if some of its events cannot be applied, on every database. */
export function rebuildParkedSuite(newUrl: NewDatabaseUrl): void {
  it('parks what the live generation has parked, and finds no difference', async () => {
    const opened = await openTotals(newUrl());
    const projection = createTotals();
    projection.refuses = ({ stream, version }) => stream === 'bad' && version === 2n;
    const projector = await makeProjector(opened, projection);
    await projector.start();
    await opened.store.append('bad', 0n, [added(1), added(2), added(4)]);
    await opened.store.append('good', 0n, added(1));
    await eventually(async () => expect((await projector.admin.list())[0]?.parkedEvents).toBe(2));
    const last = await rebuildTotals(projector);
    expect(last).toMatchObject({ stage: 'switched', rowsDifferent: 0 });
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ bad: '1', good: '1' }));
    await expect(projector.admin.list()).resolves.toMatchObject([{ parkedEvents: 2, generation: 2n }]);
  });

  it('skips discarded events, and finds no difference', async () => {
    const opened = await openTotals(newUrl());
    const projection = createTotals();
    projection.refuses = ({ version }) => version === 2n;
    const projector = await makeProjector(opened, projection);
    await projector.start();
    await opened.store.append(
      'a',
      0n,
      [1, 2, 4].map((amount) => added(amount)),
    );
    const [first] = await eventually(async () => {
      const found = await Array.fromAsync(projector.deadLetters.list({}, ''));
      expect(found).toHaveLength(2);
      return found;
    });
    await projector.deadLetters.discard(first?.id ?? '', 'a test');
    const last = await rebuildTotals(projector);
    expect(last).toMatchObject({ stage: 'switched', rowsDifferent: 0 });
    expect(await totalsOf(opened.storage)).toEqual({ a: '5' });
    await expect(projector.admin.list()).resolves.toMatchObject([{ parkedEvents: 0 }]);
  });

  it('changes nothing if it cannot apply an event that the live generation includes', async () => {
    const opened = await openTotals(newUrl());
    const projector = await makeProjector(opened, createTotals());
    await projector.start();
    await opened.store.append('a', 0n, [added(1), added(2)]);
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '3' }));
    await opened.storage.execute(`UPDATE event SET data = '{"amount":"900"}' WHERE version = 1`);
    await expect(rebuildTotals(projector)).rejects.toMatchObject({
      reason: 'REBUILD_LACKS_EVENTS',
      metadata: { events: '2' },
    });
    expect(await totalsOf(opened.storage)).toEqual({ a: '3' });
    await expect(rebuildTotals(projector, true)).resolves.toMatchObject({ stage: 'discarded', eventsLacking: 2 });
    const [check] = projectionAudits(projector.names, projector.admin, systemClock);
    const found = await Array.fromAsync(check?.run({ examined: () => undefined }, signal) ?? []);
    expect(found).toMatchObject([{ reason: 'EVENTS_UNREADABLE', ids: ['test/totals'] }]);
  });

  it('applies an event that only the live generation cannot apply', async () => {
    const opened = await openTotals(newUrl());
    const projection = createTotals();
    const projector = await makeProjector(opened, {
      ...projection,
      apply: async (tx, generation, events) => {
        if (generation === 1n && events.some(({ stream }) => stream === 'b')) throw new Error('only here');
        await projection.apply(tx, generation, events);
      },
    });
    await projector.start();
    await opened.store.append('a', 0n, added(1));
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '1' }));
    const rebuild = projector.admin.rebuild('totals', { dryRun: false }, signal);
    await expect(rebuild.next()).resolves.toMatchObject({ value: { stage: 'comparing' } });
    await opened.store.append('b', 0n, added(2));
    await eventually(async () => expect((await projector.admin.list())[0]?.parkedEvents).toBe(1));
    await Array.fromAsync(rebuild);
    expect(await totalsOf(opened.storage)).toEqual({ a: '1', b: '2' });
    await expect(projector.admin.list()).resolves.toMatchObject([{ parkedEvents: 0, generation: 2n }]);
  });
}
