import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { added, logger } from '../testing/fixture.ts';
import { createTotals, makeProjector, openTotals } from '../testing/totals.ts';
import { totalsOf } from '../testing/totals-table.ts';
import { projectionAudits } from './audit-projections.ts';
import { selectGenerations } from './generation-table.ts';
import type { Projection, RebuildProgress } from './projection.ts';
import { discard } from './rebuild/rebuild.ts';

const signal = new AbortController().signal;

/** What a projector promises on every database, as tests in the suite that calls it. */
export function projectorContract(newUrl: NewDatabaseUrl): void {
  describe('a projection', () => {
    it('has what is there and then what comes', async () => {
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

    it('goes on where it ended, and has each event once', async () => {
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

    it('has each event once with two projectors that do not know of each other', async () => {
      const opened = await openTotals(newUrl());
      const projectors = [await makeProjector(opened, createTotals()), await makeProjector(opened, createTotals())];
      for (const projector of projectors) await projector.start();
      await Promise.all(
        Array.from({ length: 100 }, (_, index) => opened.store.append(`s-${index % 5}`, 'any', added(1))),
      );
      const each = { 's-0': '20', 's-1': '20', 's-2': '20', 's-3': '20', 's-4': '20' };
      await eventually(async () => expect(await totalsOf(opened.storage)).toEqual(each));
    });

    it('can be waited for until it has an event in it', async () => {
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

    it('shows in its check when it is behind by more than its limit, and when it has caught up', async () => {
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
  });

  describe('an event that a projection throws on', () => {
    it('is put aside with its reason and what follows in its stream; other streams go on', async () => {
      const opened = await openTotals(newUrl());
      const projection = createTotals();
      projection.refuses = ({ stream, version }) => stream === 'bad' && version === 2n;
      const projector = await makeProjector(opened, projection);
      await opened.store.append('bad', 0n, [added(1), added(2), added(4)]);
      for (let index = 0; index < 20; index += 1) await opened.store.append(`good-${index}`, 0n, added(1));
      await projector.start();
      await opened.store.append('good-0', 1n, added(1));
      await eventually(async () => expect(await totalsOf(opened.storage)).toMatchObject({ 'good-0': '2', bad: '1' }));
      expect(Object.keys(await totalsOf(opened.storage))).toHaveLength(21);
      await opened.store.append('bad', 3n, added(8));
      const letters = await eventually(async () => {
        const found = await Array.fromAsync(projector.deadLetters.list({}, ''));
        expect(found).toHaveLength(3);
        return found;
      });
      expect(letters[0]).toMatchObject({
        source: 'event',
        origin: 'test/totals',
        reason: 'HANDLER_FAILED',
        error: 'refused bad/2',
        attempts: 3,
        subjectId: 'bad',
        headers: { stream: 'bad', version: '2', type: 'ADDED' },
        payload: Buffer.from('{"amount":"2"}'),
      });
      expect(letters.slice(1).map(({ reason }) => reason)).toEqual(['BEHIND_PARKED', 'BEHIND_PARKED']);
      await expect(projector.admin.list()).resolves.toMatchObject([{ parkedEvents: 3 }]);
    });

    it('is taken once it can be, and those behind it follow by themselves', async () => {
      const opened = await openTotals(newUrl());
      const projection = createTotals();
      projection.refuses = ({ version }) => version === 2n || version === 4n;
      const projector = await makeProjector(opened, projection);
      await projector.start();
      await opened.store.append(
        'a',
        0n,
        [1, 2, 4, 8, 16].map((amount) => added(amount)),
      );
      const [first, second] = await eventually(async () => {
        const found = await Array.fromAsync(projector.deadLetters.list({}, ''));
        expect(found).toHaveLength(4);
        return found;
      });
      const redrive = (letter = first) => projector.deadLetters.redrive(letter?.id ?? '');
      await expect(redrive(second)).rejects.toMatchObject({ reason: 'EVENT_BEHIND_PARKED' });
      await expect(redrive()).rejects.toThrow('refused a/2');
      await expect(projector.deadLetters.get(first?.id ?? '')).resolves.toMatchObject({ attempts: 4 });
      projection.refuses = ({ version }) => version === 4n;
      await expect(redrive()).resolves.toBe(true);
      expect(await totalsOf(opened.storage)).toEqual({ a: '7' });
      const left = await Array.fromAsync(projector.deadLetters.list({}, ''));
      expect(left.map(({ reason }) => reason)).toEqual(['HANDLER_FAILED', 'BEHIND_PARKED']);
      await expect(projector.deadLetters.discard(left[0]?.id ?? '', 'not wanted')).resolves.toBe(true);
      expect(await totalsOf(opened.storage)).toEqual({ a: '23' });
      await expect(redrive()).resolves.toBe(false);
      await opened.store.append('a', 5n, added(100));
      await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '123' }));
    });

    it('is put aside at once when it is not as it was written', async () => {
      const opened = await openTotals(newUrl());
      await opened.store.append('a', 0n, [added(1), added(2)]);
      await opened.store.append('b', 0n, added(3));
      await opened.storage.execute(`UPDATE event SET data = '{"amount":"900"}' WHERE stream = 'a' AND version = 2`);
      const projector = await makeProjector(opened, createTotals());
      await projector.start();
      await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '1', b: '3' }));
      await expect(Array.fromAsync(projector.deadLetters.list({}, ''))).resolves.toMatchObject([
        { reason: 'EVENT_CORRUPT', attempts: 1, subjectId: 'a' },
      ]);
    });
  });

  describe('a rebuild', () => {
    it('makes the same again, says so by its hash, and lets it answer', async () => {
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

    it('names the rows that were not what the events say, and puts them right', async () => {
      const opened = await openTotals(newUrl());
      const projector = await makeProjector(opened, createTotals());
      await projector.start();
      for (const stream of ['a', 'b', 'c']) await opened.store.append(stream, 0n, added(1));
      await eventually(async () => expect(Object.keys(await totalsOf(opened.storage))).toHaveLength(3));
      await opened.storage.execute(`UPDATE totals SET total = '999' WHERE stream = 'a'`);
      await opened.storage.execute(`DELETE FROM totals WHERE stream = 'b'`);
      await opened.storage.execute(`INSERT INTO totals (generation, stream, total, events) VALUES (1, 'd', '5', 1)`);
      const rebuild = async (dryRun: boolean): Promise<RebuildProgress | undefined> =>
        (await Array.fromAsync(projector.admin.rebuild('test/totals', { dryRun }, signal))).at(-1);
      const compared = await rebuild(true);
      expect(compared).toMatchObject({ stage: 'discarded', rowsDifferent: 3 });
      expect(compared?.differences).toEqual([
        { key: 'totals stream="a"', live: 'total="999" events=1', rebuilt: 'total="1" events=1' },
        { key: 'totals stream="b"', live: undefined, rebuilt: 'total="1" events=1' },
        { key: 'totals stream="d"', live: 'total="5" events=1', rebuilt: undefined },
      ]);
      expect(compared?.liveHash).not.toBe(compared?.rebuiltHash);
      expect(await totalsOf(opened.storage)).toMatchObject({ a: '999' });
      await expect(rebuild(false)).resolves.toMatchObject({ stage: 'switched', rowsDifferent: 3 });
      expect(await totalsOf(opened.storage)).toEqual({ a: '1', b: '1', c: '1' });
      await expect(rebuild(true)).resolves.toMatchObject({ rowsDifferent: 0 });
    });

    it('goes on beside writes, without a query that sees less than was there before', async () => {
      const opened = await openTotals(newUrl());
      const projector = await makeProjector(opened, createTotals());
      await projector.start();
      for (let index = 0; index < 600; index += 1) await opened.store.append(`s-${index % 7}`, 'any', added(1));
      const sum = async () => Object.values(await totalsOf(opened.storage)).reduce((a, b) => a + Number(b), 0);
      await eventually(async () => expect(await sum()).toBe(600));
      let writing = true;
      const writer = (async () => {
        let count = 0;
        for (; writing && count < 5_000; count += 1) await opened.store.append(`s-${count % 7}`, 'any', added(1));
        return count;
      })();
      const sums: number[] = [];
      const reader = (async () => {
        // A query on SQLite takes no turn of the event loop by itself.
        for (; writing; await nextTurn()) sums.push(await sum());
      })();
      for (let round = 0; round < 3; round += 1) {
        const last = (await Array.fromAsync(projector.admin.rebuild('totals', { dryRun: false }, signal))).at(-1);
        expect(last).toMatchObject({ stage: 'switched', rowsDifferent: 0 });
      }
      writing = false;
      const [written] = await Promise.all([writer, reader]);
      expect(written).toBeGreaterThan(20);
      expect(sums).toEqual(sums.toSorted((a, b) => a - b));
      await eventually(async () => expect(await sum()).toBe(600 + written));
    });

    it('puts aside what the live one has put aside, and differs in nothing', async () => {
      const opened = await openTotals(newUrl());
      const projection = createTotals();
      projection.refuses = ({ stream, version }) => stream === 'bad' && version === 2n;
      const projector = await makeProjector(opened, projection);
      await projector.start();
      await opened.store.append('bad', 0n, [added(1), added(2), added(4)]);
      await opened.store.append('good', 0n, added(1));
      await eventually(async () => expect((await projector.admin.list())[0]?.parkedEvents).toBe(2));
      const last = (await Array.fromAsync(projector.admin.rebuild('totals', { dryRun: false }, signal))).at(-1);
      expect(last).toMatchObject({ stage: 'switched', rowsDifferent: 0 });
      await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ bad: '1', good: '1' }));
      await expect(projector.admin.list()).resolves.toMatchObject([{ parkedEvents: 2, generation: 2n }]);
    });

    it('leaves nothing behind when it is called off, and another can follow; two at a time are refused', async () => {
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
      caller.abort(new Error('called off'));
      await expect(Array.fromAsync(rebuild)).rejects.toThrow('called off');
      const [live, ...others] = await selectGenerations(opened.storage, 'totals');
      expect(live).toMatchObject({ generation: 1n, state: 'live' });
      expect(others.map(({ state }) => state)).toEqual(['dropped']);
      expect(await opened.storage.query('SELECT 1 AS one FROM totals WHERE generation <> 1')).toEqual([]);
      const again = (await Array.fromAsync(projector.admin.rebuild('totals', { dryRun: false }, signal))).at(-1);
      expect(again).toMatchObject({ stage: 'switched' });
    });

    it('follows one that a process left whose clock was a year ahead', async () => {
      const opened = await openTotals(newUrl());
      const clock = createTestClock();
      const ahead = createTestClock(clock.now() + 365 * 86_400_000);
      const gone = await makeProjector(opened, createTotals(), ahead);
      await gone.admin.rebuild('totals', { dryRun: false }, signal).next();
      const projector = await makeProjector(opened, createTotals(), clock);
      const last = (await Array.fromAsync(projector.admin.rebuild('totals', { dryRun: false }, signal))).at(-1);
      expect(last).toMatchObject({ stage: 'switched' });
      await projector.start();
      await eventually(async () =>
        expect((await selectGenerations(opened.storage, 'totals')).map(({ state }) => state)).toEqual(['live']),
      );
    });

    it('leaves out what was discarded, and differs in nothing', async () => {
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
      const last = (await Array.fromAsync(projector.admin.rebuild('totals', { dryRun: false }, signal))).at(-1);
      expect(last).toMatchObject({ stage: 'switched', rowsDifferent: 0 });
      expect(await totalsOf(opened.storage)).toEqual({ a: '5' });
      await expect(projector.admin.list()).resolves.toMatchObject([{ parkedEvents: 0 }]);
    });

    it('changes nothing when it cannot take an event that the live one has in it', async () => {
      const opened = await openTotals(newUrl());
      const projector = await makeProjector(opened, createTotals());
      await projector.start();
      await opened.store.append('a', 0n, [added(1), added(2)]);
      await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '3' }));
      await opened.storage.execute(`UPDATE event SET data = '{"amount":"900"}' WHERE version = 1`);
      const rebuild = (dryRun: boolean) => Array.fromAsync(projector.admin.rebuild('totals', { dryRun }, signal));
      await expect(rebuild(false)).rejects.toMatchObject({ reason: 'REBUILD_LACKS_EVENTS', metadata: { events: '2' } });
      expect(await totalsOf(opened.storage)).toEqual({ a: '3' });
      expect((await rebuild(true)).at(-1)).toMatchObject({ stage: 'discarded', eventsLacking: 2 });
      const [check] = projectionAudits(projector.names, projector.admin);
      const found = await Array.fromAsync(check?.run({ examined: () => undefined }, signal) ?? []);
      expect(found).toMatchObject([{ reason: 'EVENTS_UNREADABLE', ids: ['test/totals'] }]);
    });

    it('takes an event that only the live one cannot take', async () => {
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

    it('deletes nothing of a generation that answers', async () => {
      const opened = await openTotals(newUrl());
      const projection = createTotals();
      const projector = await makeProjector(opened, projection);
      await projector.start();
      await opened.store.append('a', 0n, added(1));
      await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '1' }));
      await discard({ projection, storage: opened.storage, logger, stopping: signal }, 1n);
      expect(await totalsOf(opened.storage)).toEqual({ a: '1' });
      expect(await selectGenerations(opened.storage, 'totals')).toMatchObject([{ generation: 1n, state: 'live' }]);
    });

    it('is refused for a projection that is not there', async () => {
      const projector = await makeProjector(await openTotals(newUrl()), createTotals());
      const unknown = projector.admin.rebuild('others', { dryRun: false }, signal).next();
      await expect(unknown).rejects.toMatchObject({ reason: 'UNKNOWN_PROJECTION' });
      await expect(unknown).rejects.toThrow('test/totals');
    });

    it('happens by itself when the projection is defined anew', async () => {
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
      // A program that does not know of that leaves it alone.
      await second.stop();
      const older = await makeProjector(opened, createTotals());
      await older.start();
      await opened.store.append('a', 1n, added(1));
      const third = await makeProjector(opened, { ...doubled, apply: twiceOf(doubled) });
      await third.start();
      await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '4' }));
    });
  });
}

/** A projection that counts everything twice. */
function twiceOf({ apply }: Projection): Projection['apply'] {
  const twice = (amount: unknown) => ({ amount: (2n * BigInt(String(amount))).toString() });
  return (tx, generation, events) =>
    apply(
      tx,
      generation,
      events.map((event) => ({ ...event, data: twice(event.data.amount) })),
    );
}
