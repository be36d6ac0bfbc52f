import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { runInScope } from '../../telemetry/call-scope.ts';
import type { NewDatabaseUrl } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import type { RecordedEvent } from '../event-store.ts';
import { added, amountsOf, openStore } from '../testing/fixture.ts';

/** What an event store promises on every database, as tests in the suite that calls it. */
export function eventStoreSuite(newUrl: NewDatabaseUrl): void {
  describe('a stream', () => {
    it('has events in the order of their appends, with versions from 1', async () => {
      const { store } = await openStore(newUrl());
      await store.append('account-acc1', 0n, added(1));
      await store.append('account-acc1', 1n, [added(2), added(3)]);
      const events = await store.getEvents('account-acc1');
      expect(events.map(({ version }) => version)).toEqual([1n, 2n, 3n]);
      expect(events[1]).toEqual({
        ...added(2),
        stream: 'account-acc1',
        version: 2n,
        position: expect.any(BigInt),
      });
    });

    it('has no events before the first', async () => {
      const { store } = await openStore(newUrl());
      await expect(store.getEvents('nothing')).resolves.toEqual([]);
    });

    it('returns events as they were appended', async () => {
      const { store } = await openStore(newUrl());
      const data = { text: 'ä "quoted" \u0000 \n 🚀', list: [1, null, { deep: true }], amount: '9223372036854775807' };
      await store.append('a', 0n, { ...added(0), data });
      await expect(store.getEvents('a')).resolves.toMatchObject([{ data }]);
    });

    it('can be read after a version, up to a version, and page by page', async () => {
      const { store } = await openStore(newUrl());
      await store.append(
        'a',
        0n,
        Array.from({ length: 1_203 }, (_, index) => added(index + 1)),
      );
      const range = async (wanted: object) => amountsOf(await Array.fromAsync(store.read('a', wanted)));
      expect(await range({ after: 2n, upTo: 4n })).toEqual(['3', '4']);
      expect(await range({ after: 1_200n })).toEqual(['1201', '1202', '1203']);
      expect(await range({ limit: 2 })).toEqual(['1', '2']);
      expect(await range({})).toHaveLength(1_203);
    });

    it.each([
      ['behind', 0n],
      ['ahead', 5n],
    ])('refuses an append at a version that is %s, and reports its version', async (_, expected) => {
      const { store } = await openStore(newUrl());
      await store.append('a', 0n, [added(1), added(2)]);
      const appending = store.append('a', expected, added(3));
      await expect(appending).rejects.toMatchObject({
        code: Status.ABORTED,
        reason: 'STREAM_CONFLICT',
        metadata: { stream: 'a', expected_version: expected.toString(), version: '2' },
      });
      expect(await store.getEvents('a')).toHaveLength(2);
    });

    it('accepts one of two writers that expect the same version, with all its events', async () => {
      const { store } = await openStore(newUrl());
      for (let round = 0; round < 20; round += 1) {
        const stream = `round-${round}`;
        const outcomes = await Promise.allSettled([
          store.append(stream, 0n, [added(1), added(1)]),
          store.append(stream, 0n, [added(2), added(2)]),
        ]);
        expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
        const winner = outcomes[0]?.status === 'fulfilled' ? '1' : '2';
        expect(amountsOf(await store.getEvents(stream))).toEqual([winner, winner]);
      }
    });

    it('accepts all of many writers that expect any version', async () => {
      const { store } = await openStore(newUrl());
      await Promise.all(Array.from({ length: 100 }, (_, index) => store.append('a', 'any', added(index))));
      const events = await store.getEvents('a');
      expect(new Set(amountsOf(events)).size).toBe(100);
      expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => BigInt(index + 1)));
    });

    it('has no events of a transaction that was rolled back', async () => {
      const { storage, store } = await openStore(newUrl());
      const reason = new Error('no');
      const failing = storage.transaction(async (tx) => {
        await store.appendIn(tx, 'a', 0n, added(1));
        throw reason;
      });
      await expect(failing).rejects.toBe(reason);
      await store.append('a', 0n, added(2));
      expect(amountsOf(await store.getEvents('a'))).toEqual(['2']);
      expect(amountsOf(await store.readAll(0n, 10))).toEqual(['2']);
    });

    it('refuses an event above the maximum size, and accepts one of that size', async () => {
      const { store } = await openStore(newUrl());
      const sized = (bytes: number) => ({ ...added(0), data: { text: 'x'.repeat(bytes - '{"text":""}'.length) } });
      await expect(store.append('a', 0n, sized(1_048_577))).rejects.toMatchObject({ reason: 'EVENT_TOO_LARGE' });
      await expect(store.append('a', 0n, sized(1_048_576))).resolves.toHaveLength(1);
    });

    const asAlice = <T>(work: () => T): T => {
      const caller = { service: 'order', subject: 'alice', roles: ['operator'] };
      return runInScope({ requestId: 'r', traceparent: '', deadlineMs: undefined, signal: undefined, caller }, work);
    };

    it('keeps who has appended an event, if that is known', async () => {
      const { store } = await openStore(newUrl());
      const appended = await asAlice(() => store.append('a', 0n, added(1)));
      await store.append('a', 1n, added(2));
      const events = await store.getEvents('a');
      expect(events.map(({ actor }) => actor)).toEqual(['service:order;user:alice', undefined]);
      expect(appended).toEqual(events.slice(0, 1));
    });

    it.each([
      ['given', `actor = 'user:bob', actor_checksum = NULL WHERE version = 1`],
      ['changed', `actor = 'user:bob' WHERE version = 2`],
      ['removed', 'actor = NULL WHERE version = 2'],
    ])('reports an event whose actor was %s', async (_, change) => {
      const { storage, store } = await openStore(newUrl());
      await store.append('a', 0n, added(1));
      await asAlice(() => store.append('a', 1n, added(2)));
      await storage.execute(`UPDATE event SET ${change}`);
      await expect(store.getEvents('a')).rejects.toMatchObject({ reason: 'EVENT_CORRUPT' });
    });

    it.each([
      ['data', `data = '{"amount":"900"}'`],
      ['data that is no longer JSON', `data = '{"amou'`],
      ['type', `type = 'TAKEN'`],
      ['version', 'version = 7'],
      ['time', 'time_ms = time_ms + 1'],
      ['stream', `stream = 'b'`],
    ])('reports an event whose row was changed: its %s', async (_, change) => {
      const { storage, store } = await openStore(newUrl());
      await store.append('a', 0n, [added(1), added(2)]);
      await storage.execute(`UPDATE event SET ${change} WHERE version = 2`);
      const stream = change.startsWith('stream') ? 'b' : 'a';
      await expect(store.getEvents(stream)).rejects.toMatchObject({
        code: Status.DATA_LOSS,
        reason: 'EVENT_CORRUPT',
        metadata: { stream, position: '2' },
      });
      const [whole, changed] = await store.readAll(0n, 10);
      expect(whole).toMatchObject({ data: { amount: '1' } });
      expect(whole?.fault).toBeUndefined();
      expect(changed).toMatchObject({ data: {}, fault: { reason: 'EVENT_CORRUPT' } });
    });
  });

  it('refuses to read a stream with a missing event, and reports it', async () => {
    const { storage, store } = await openStore(newUrl());
    await store.append('a', 0n, [added(1), added(2), added(3)]);
    await storage.execute('DELETE FROM event WHERE version = 2');
    const missing = { code: Status.DATA_LOSS, reason: 'EVENT_MISSING', metadata: { stream: 'a', version: '2' } };
    await expect(store.getEvents('a')).rejects.toMatchObject(missing);
    await expect(Array.fromAsync(store.read('a', { after: 2n }))).resolves.toHaveLength(1);
  });

  describe('a read of all streams', () => {
    it('returns events in one order that keeps the order of each stream', async () => {
      const { store } = await openStore(newUrl());
      const streams = ['a', 'b', 'c', 'd'];
      await Promise.all(
        streams.flatMap((stream) => Array.from({ length: 25 }, () => store.append(stream, 'any', added(1)))),
      );
      const all = await store.readAll(0n, 1_000);
      expect(all).toHaveLength(100);
      expect(all.map(({ position }) => position)).toEqual(all.map(({ position }) => position).toSorted(ascending));
      for (const [, events] of Map.groupBy(all, ({ stream }) => stream)) {
        expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => BigInt(index + 1)));
      }
      expect(await store.head()).toBe(all.at(-1)?.position);
    });

    it('resumes after a position, up to a limit', async () => {
      const { store } = await openStore(newUrl());
      await store.append('a', 0n, [added(1), added(2), added(3)]);
      const first = await store.readAll(0n, 2);
      expect(amountsOf(first)).toEqual(['1', '2']);
      expect(amountsOf(await store.readAll(first.at(-1)?.position ?? 0n, 2))).toEqual(['3']);
      expect(await store.readAll(await store.head(), 2)).toEqual([]);
    });
  });

  describe('a subscription', () => {
    it('yields existing events, then new ones, each once', async () => {
      const { store } = await openStore(newUrl());
      const caller = new AbortController();
      const seen: RecordedEvent[] = [];
      await store.append('before', 0n, [added(1), added(2)]);
      const reading = (async () => {
        for await (const events of store.subscribe(0n, 7, caller.signal)) seen.push(...events);
      })();
      await Promise.all(Array.from({ length: 200 }, (_, index) => store.append(`s-${index % 9}`, 'any', added(index))));
      await eventually(() => expect(seen).toHaveLength(202));
      caller.abort();
      await reading;
      expect(seen).toEqual(await store.readAll(0n, 1_000));
    });

    it('wakes up for a new event', async () => {
      const { store } = await openStore(newUrl());
      const caller = new AbortController();
      const subscription = store.subscribe(0n, 10, caller.signal);
      const first = subscription.next();
      // It sleeps by now: nothing was there when it looked.
      await store.head();
      const beganMs = performance.now();
      await store.append('a', 0n, added(1));
      await expect(first).resolves.toMatchObject({ value: [{ stream: 'a' }] });
      expect(performance.now() - beganMs).toBeLessThan(2_000);
      caller.abort();
      await expect(subscription.next()).resolves.toMatchObject({ done: true });
    });

    it('ends without an error when it is cancelled while it waits', async () => {
      const { store } = await openStore(newUrl());
      const caller = new AbortController();
      const next = store.subscribe(0n, 10, caller.signal).next();
      caller.abort();
      await expect(next).resolves.toMatchObject({ done: true });
    });
  });
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : 1;
}
