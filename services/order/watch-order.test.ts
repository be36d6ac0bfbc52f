import { join } from 'node:path';
import { Status } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type IdleWait, loadMigrations, openStorage, type Row, type SqlValue, type Storage } from '#mesh';
import {
  type CapturedLog,
  captureLog,
  createTestClock,
  eventually,
  type TempFolder,
  type TestClock,
  tempFolder,
} from '#mesh/testing';
import { newOrder, type Order, type OrderState } from './order.ts';
import { createOrderChanges, type OrderChanges } from './order-changes.ts';
import { insertOrder, updateOrder } from './store.ts';
import { watchOrder } from './watch-order.ts';

const shippingAddress = { recipient: 'Ada', lines: ['1 Main St'], city: 'Berlin', postalCode: '', countryCode: 'DE' };
const lines = [{ sku: 'a', quantity: 1, unitPrice: { currencyCode: 'USD', minorUnits: 1n } }];
const { signal } = new AbortController();

describe('watchOrder', () => {
  let folder: TempFolder;
  let storage: Storage;
  let changes: OrderChanges;
  let clock: TestClock;
  let log: CapturedLog;

  beforeEach(async () => {
    clock = createTestClock();
    log = captureLog();
    folder = await tempFolder();
    storage = await openStorage(`sqlite:${join(folder.path, 'order.db')}`);
    await storage.migrate('order', await loadMigrations(new URL('./migrations/', import.meta.url)));
    const order = newOrder({ id: 'order-1', userId: 'ada', lines, shippingAddress, timeMs: clock.now() });
    await storage.transaction((tx) => insertOrder(tx, order));
    changes = changesOf({ ...storage, exclusive: true });
  });
  afterEach(async () => {
    await storage.close();
    await folder[Symbol.asyncDispose]();
  });

  function changesOf(watched: Storage): OrderChanges {
    return createOrderChanges({ storage: watched, clock, logger: log.logger });
  }

  /** A storage that other processes share, with the number of its queries. */
  function shared(): { readonly queries: number; readonly storage: Storage } {
    let queries = 0;
    const query: Storage['query'] = (sql, params) => {
      queries += 1;
      return storage.query(sql, params);
    };
    return {
      storage: { ...storage, exclusive: false, query },
      get queries() {
        return queries;
      },
    };
  }

  /** Changes the order as another process does: without a notification. */
  function changeSilently(state: OrderState): Promise<Order> {
    return storage.transaction((tx) => updateOrder(tx, 'order-1', { state, timeMs: clock.now() }));
  }

  async function change(state: OrderState): Promise<void> {
    changes.publish(await changeSilently(state));
  }

  function watch(
    watched: Storage = storage,
    ending: AbortSignal = signal,
    afterEtag = '',
  ): AsyncGenerator<Order, void> {
    return watchOrder(
      { id: 'order-1', afterEtag },
      { signal: ending, idle: (wait) => wait() },
      { storage: watched, changes },
    );
  }

  async function nextState(watching: AsyncIterator<Order>): Promise<OrderState | 'ended'> {
    const { done, value } = await watching.next();
    return done ? 'ended' : value.state;
  }

  it('yields the order as it is, then each change, even if changes come faster than they are taken', async () => {
    const watching = watch();
    expect(await nextState(watching)).toBe('PENDING');
    const waiting = nextState(watching);
    await change('RESERVED');
    expect(await waiting).toBe('RESERVED');
    for (const state of ['PAID', 'SHIPPED', 'COMPLETED'] as const) await change(state);
    for (const state of ['PAID', 'SHIPPED', 'COMPLETED', 'ended']) expect(await nextState(watching)).toBe(state);
  });

  it('is idle while it waits for a change, and at no other time', async () => {
    let isIdle = false;
    const queriedWhileIdle: boolean[] = [];
    const query: Storage['query'] = (sql, params) => {
      queriedWhileIdle.push(isIdle);
      return storage.query(sql, params);
    };
    const idle: IdleWait = async (wait) => {
      isIdle = true;
      const result = await wait();
      isIdle = false;
      return result;
    };
    changes = changesOf({ ...storage, exclusive: false });
    const watching = watchOrder(
      { id: 'order-1', afterEtag: '' },
      { signal, idle },
      { storage: { ...storage, query }, changes },
    );
    expect(await nextState(watching)).toBe('PENDING');
    const reserved = nextState(watching);
    await eventually(() => expect(isIdle).toBe(true));
    await changeSilently('RESERVED');
    await clock.advance(500);
    expect(await reserved).toBe('RESERVED');
    expect(queriedWhileIdle).toEqual([false]);
    await watching.return();
  });

  it('resumes with what has changed since the last etag', async () => {
    const order = await changeSilently('RESERVED');
    const resumed = watch(storage, signal, `${order.version - 1n}`);
    expect(await nextState(resumed)).toBe('RESERVED');
    await resumed.return();
  });

  it('yields nothing twice if nothing has changed since the last etag', async () => {
    const resumed = watch(storage, signal, '1');
    const next = nextState(resumed);
    await change('RESERVED');
    expect(await next).toBe('RESERVED');
    await resumed.return();
    const { version } = await changeSilently('FAILED');
    expect(await nextState(watch(storage, signal, `${version}`))).toBe('ended');
  });

  it('yields a version that has the etag of an order from before a restore', async () => {
    const resumed = watch(storage, signal, '2');
    expect(await nextState(resumed)).toBe('PENDING');
    const next = nextState(resumed);
    await change('RESERVED');
    expect(await next).toBe('RESERVED');
    await resumed.return();
  });

  it('ends immediately if the order has ended', async () => {
    await change('CANCELLED');
    const watching = watch();
    expect(await nextState(watching)).toBe('CANCELLED');
    expect(await nextState(watching)).toBe('ended');
  });

  it('continues while the order needs attention', async () => {
    const watching = watch();
    await nextState(watching);
    for (const state of ['NEEDS_ATTENTION', 'COMPENSATING', 'FAILED', 'ended'] as const) {
      if (state !== 'ended') await change(state);
      expect(await nextState(watching)).toBe(state);
    }
  });

  it('misses no change that comes while it reads, and yields none twice', async () => {
    let reads = 0;
    const slow: Storage = {
      ...storage,
      async query<R extends Row>(sql: string, params?: readonly SqlValue[]): Promise<R[]> {
        const rows = await storage.query<R>(sql, params);
        if (++reads === 1) await change('RESERVED');
        return rows;
      },
    };
    const watching = watch(slow);
    expect(await nextState(watching)).toBe('PENDING');
    expect(await nextState(watching)).toBe('RESERVED');
    const waiting = nextState(watching);
    await change('PAID');
    expect(await waiting).toBe('PAID');
    expect(reads).toBe(1);
  });

  it('reads the storage twice a second if another process may change the order', async () => {
    changes = changesOf(shared().storage);
    const watching = watch();
    expect(await nextState(watching)).toBe('PENDING');
    const waiting = nextState(watching);
    await changeSilently('RESERVED');
    await eventually(() => expect(clock.pendingMs()).toEqual([500]));
    clock.advance(500);
    expect(await waiting).toBe('RESERVED');
    await watching.return();
  });

  it('reads the storage once for all watchers when another process notifies, and not for own changes', async () => {
    const counted = shared();
    changes = changesOf(counted.storage);
    const watchings = Array.from({ length: 50 }, () => watch());
    for (const watching of watchings) expect(await nextState(watching)).toBe('PENDING');
    const reserved = watchings.map(nextState);
    await changeSilently('RESERVED');
    storage.notify('order_changed');
    await eventually(() => expect(clock.pendingMs()).toEqual([0]));
    clock.advance(0);
    for (const state of await Promise.all(reserved)) expect(state).toBe('RESERVED');
    expect(counted.queries).toBe(1);

    const paid = watchings.map(nextState);
    await change('PAID');
    for (const state of await Promise.all(paid)) expect(state).toBe('PAID');
    expect(clock.pendingMs()).toEqual([500]);
    // Many notifications in a row cost one reading in 20 ms.
    for (let count = 0; count < 10; count += 1) storage.notify('order_changed');
    await eventually(() => expect(clock.pendingMs()).toEqual([20]));
    for (const watching of watchings) await watching.return();
    expect(clock.pendingMs()).toEqual([]);
  });

  it('queues each version once for a caller that does not read', async () => {
    changes = changesOf(shared().storage);
    const feed = changes.watch('order-1');
    for (let reading = 1; reading <= 100; reading += 1) {
      await eventually(() => expect(clock.pendingMs()).toEqual([500]), { intervalMs: 1 });
      if (reading === 50) await changeSilently('NEEDS_ATTENTION');
      clock.advance(500);
    }
    await eventually(() => expect(clock.pendingMs()).toEqual([500]));
    expect(feed.take().map(({ state }) => state)).toEqual(['PENDING', 'NEEDS_ATTENTION']);
    feed.close();
  });

  it('continues after the storage could not be read', async () => {
    let isAway = false;
    changes = changesOf({
      ...storage,
      exclusive: false,
      query: (sql, params) => (isAway ? Promise.reject(new Error('away')) : storage.query(sql, params)),
    });
    const watching = watch();
    await nextState(watching);
    const waiting = nextState(watching);
    await changeSilently('RESERVED');
    isAway = true;
    clock.advance(500);
    await eventually(() => expect(clock.pendingMs()).toEqual([500]));
    isAway = false;
    clock.advance(500);
    expect(await waiting).toBe('RESERVED');
    expect(log.lines).toMatchObject([{ level: 'warn', msg: 'watched orders could not be read; retrying' }]);
    await watching.return();
  });

  it('throws what its signal aborts with, and leaves no timer', async () => {
    const ending = new AbortController();
    const watching = watch(storage, ending.signal);
    await nextState(watching);
    const waiting = nextState(watching);
    const reason = new Error('the server is stopping');
    ending.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(clock.pendingMs()).toEqual([]);
  });

  it('throws NOT_FOUND if there is no such order', async () => {
    const unknown = watchOrder(
      { id: 'unknown', afterEtag: '' },
      { signal, idle: (wait) => wait() },
      { storage, changes },
    );
    await expect(unknown.next()).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'ORDER_NOT_FOUND' });
  });
});
