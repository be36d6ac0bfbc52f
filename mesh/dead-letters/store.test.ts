import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../storage/open.ts';
import { storableText } from '../storage/sql.ts';
import type { Storage } from '../storage/storage.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import { captureLog } from '../testing/captured-log.ts';
import { describeOnEachDatabase } from '../testing/databases.ts';
import { eventually } from '../testing/eventually.ts';
import { createTestClock, type TestClock } from '../testing/test-clock.ts';
import type { DeadLetter, DeadLetterFilter, DeadLetterQueue } from './dead-letters.ts';
import { createDeadLetterStore, type DeadLetterStore, type Redrive } from './store.ts';

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;

describeOnEachDatabase((newUrl) => {
  let storage: Storage;
  let clock: TestClock;
  let store: DeadLetterStore;

  beforeEach(async () => {
    clock = createTestClock();
    storage = await openStorage(newUrl(), { clock });
    store = await createDeadLetterStore(storage, { clock });
  });

  afterEach(() => storage.close());

  const add = (changes: Partial<DeadLetter> = {}) =>
    storage.transaction((tx) => store.add(tx, { ...anyDeadLetter, ...changes }));
  const ignore: Redrive = async () => async () => undefined;
  const openQueue = (redrive: Redrive = ignore) => store.queue('event', redrive);
  const idsIn = async (queue: DeadLetterQueue, filter: DeadLetterFilter = {}, afterId = '') =>
    (await Array.fromAsync(queue.list(filter, afterId))).map(({ id }) => id);
  const rows = async () =>
    (await storage.query('SELECT id, state, note, error FROM dead_letter ORDER BY id')).map((row) => ({ ...row }));

  describe('a store of dead letters', () => {
    it('returns a dead letter as it was written', async () => {
      const id = await add();
      const queue = openQueue();
      expect(await queue.get(id)).toEqual({ ...anyDeadLetter, id });
      expect(await Array.fromAsync(queue.list({}, ''))).toEqual([{ ...anyDeadLetter, id }]);
    });

    it('keeps nothing of a transaction that fails', async () => {
      const failing = storage.transaction(async (tx) => {
        await store.add(tx, anyDeadLetter);
        throw new Error('rolled back');
      });
      await expect(failing).rejects.toThrow('rolled back');
      expect(await idsIn(openQueue())).toEqual([]);
    });

    it('lists more than a page in id order, after a given id', async () => {
      const ids = await storage.transaction(async (tx) => {
        const added: string[] = [];
        for (let index = 0; index < 250; index += 1) added.push(await store.add(tx, anyDeadLetter));
        return added;
      });
      expect(await idsIn(openQueue())).toEqual(ids);
      expect(await idsIn(openQueue(), {}, ids[99])).toEqual(ids.slice(100));
    });

    it('reads a page only when the previous one is consumed', async () => {
      for (let index = 0; index < 100; index += 1) await add();
      const onNextPage = await add();
      const list = openQueue().list({}, '')[Symbol.asyncIterator]();
      const seen = [await list.next()];
      await openQueue().discard(onNextPage, 'in between');
      for (let next = await list.next(); !next.done; next = await list.next()) seen.push(next);
      expect(seen).toHaveLength(100);
    });

    it('lists what matches the filter, of its own source only', async () => {
      const mine = await add({ origin: 'order.events/shipping', reason: 'UNDECODABLE' });
      const other = await add({ origin: 'user.events/order', reason: 'HANDLER_FAILED' });
      await add({ source: 'task' });
      const queue = openQueue();
      expect(await idsIn(queue)).toEqual([mine, other]);
      expect(await idsIn(queue, { origin: 'order.events/shipping' })).toEqual([mine]);
      expect(await idsIn(queue, { reason: 'HANDLER_FAILED', source: 'event' })).toEqual([other]);
      expect(await idsIn(queue, { source: 'task' })).toEqual([]);
    });
  });

  describe('redriving a dead letter', () => {
    it('takes it off the list in the transaction of its handler', async () => {
      const id = await add();
      const effects: DeadLetter[] = [];
      const queue = openQueue(async (deadLetter) => async (tx) => {
        effects.push(deadLetter);
        await store.add(tx, { ...deadLetter, source: 'task' });
      });
      expect(await queue.redrive(id)).toBe(true);
      expect(effects).toEqual([{ ...anyDeadLetter, id }]);
      expect(await idsIn(queue)).toEqual([]);
      expect(await idsIn(store.queue('task', ignore))).toHaveLength(1);
      expect(await queue.redrive(id)).toBe(false);
      expect(effects).toHaveLength(1);
    });

    it('takes effect once when several callers redrive it concurrently', async () => {
      const id = await add();
      let effects = 0;
      const queue = openQueue(async () => async () => {
        effects += 1;
      });
      const answers = await Promise.all(Array.from({ length: 8 }, () => queue.redrive(id)));
      expect(answers.filter(Boolean)).toHaveLength(1);
      expect(effects).toBe(1);
    });

    it('leaves it on the list with the new error when the handler fails again, and rolls that back', async () => {
      const id = await add();
      clock.advance(5_000);
      const queue = openQueue(async (deadLetter) => async (tx) => {
        await store.add(tx, deadLetter);
        throw new Error('still broken');
      });
      await expect(queue.redrive(id)).rejects.toThrow('still broken');
      expect(await Array.fromAsync(queue.list({}, ''))).toEqual([
        { ...anyDeadLetter, id, error: 'still broken', attempts: anyDeadLetter.attempts + 1, lastTimeMs: clock.now() },
      ]);
    });

    it('does not change those of another source', async () => {
      const id = await add({ source: 'task' });
      expect(await openQueue().redrive(id)).toBe(false);
      expect(await openQueue().discard(id, 'not mine')).toBe(false);
      expect(await openQueue().get(id)).toBeUndefined();
    });
  });

  describe('a dead letter that left the list', () => {
    /** Starts purging. Returns a function that lets time pass and waits for the purge of the last hour. */
    const purge = async () => {
      const stopping = new AbortController();
      const purging = store.purge(captureLog().logger, stopping.signal);
      onTestFinished(async () => {
        stopping.abort();
        await purging;
      });
      const waits = () => eventually(() => expect(clock.pendingMs()).toContain(hourMs));
      await waits();
      return async (ms: number) => {
        clock.advance(ms);
        await waits();
      };
    };

    it('is deleted after 30 days, even if no other one is closed', async () => {
      const [discarded, stays] = [await add(), await add()];
      expect(await openQueue().discard(discarded, 'a test order')).toBe(true);
      expect(await openQueue().discard(discarded, 'again')).toBe(false);
      const pass = await purge();
      await pass(30 * dayMs);
      expect((await rows()).map(({ id }) => id)).toEqual([discarded, stays]);
      await pass(hourMs);
      expect((await rows()).map(({ id }) => id)).toEqual([stays]);
      expect(await openQueue().get(discarded)).toBeUndefined();
    });

    it('shows when, why and by which call it was closed', async () => {
      const [discarded, redriven] = [await add(), await add()];
      const scope = { requestId: 'call-1', traceparent: '', deadlineMs: undefined, signal: undefined };
      await runInScope(scope, () => openQueue().discard(discarded, 'a test\0 order'));
      clock.advance(1_000);
      await openQueue().redrive(redriven);
      const timeMs = clock.now();
      expect(await openQueue().get(discarded)).toEqual({
        ...anyDeadLetter,
        id: discarded,
        closing: {
          outcome: 'discarded',
          note: storableText('a test\0 order'),
          timeMs: timeMs - 1_000,
          requestId: 'call-1',
        },
      });
      const closing = { outcome: 'redriven', note: '', timeMs, requestId: '' };
      expect(await openQueue().get(redriven)).toEqual({ ...anyDeadLetter, id: redriven, closing });
    });

    it('is not redriven again', async () => {
      const id = await add();
      const queue = openQueue(() => expect.fail('redriven again'));
      await queue.discard(id, 'a test order');
      expect(await queue.redrive(id)).toBe(false);
    });

    it('is kept if the clock is a year ahead for a while', async () => {
      const discarded = await add();
      await openQueue().discard(discarded, 'a test order');
      clock.shift(365 * dayMs);
      await (await purge())(hourMs);
      expect((await rows()).map((row) => row.id)).toContain(discarded);
    });

    it('is deleted with a large backlog', async () => {
      await storage.transaction(async (tx) => {
        for (let index = 0; index < 1_200; index += 1) await store.add(tx, anyDeadLetter);
        await tx.execute("UPDATE dead_letter SET state = 'redriven', closed_aged_ms = $1", [clock.now()]);
      });
      clock.advance(30 * dayMs + 1);
      await purge();
      expect(await rows()).toEqual([]);
    });
  });
});

const anyDeadLetter: Omit<DeadLetter, 'id'> = {
  source: 'event',
  origin: 'order.events/notification',
  reason: 'HANDLER_FAILED',
  error: 'no template',
  attempts: 5,
  payload: new Uint8Array([0, 1, 254, 255]),
  headers: { ce_type: 'ORDER_PLACED', name: 'Zoë' },
  subjectId: 'order-1',
  firstTimeMs: 1_700_000_000_000,
  lastTimeMs: 1_700_000_001_000,
};
