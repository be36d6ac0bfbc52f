import { join } from 'node:path';
import { Status } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type IdleWait, loadMigrations, openStorage, type Row, type SqlValue, type Storage } from '#mesh';
import { createTestClock, eventually, type TempFolder, tempFolder } from '#mesh/testing';
import { newOrder, type Order, type OrderState } from './order.ts';
import { insertOrder, updateOrder } from './store.ts';
import { createOrderChanges, watchOrder } from './watch-order.ts';

const shippingAddress = { recipient: 'Ada', lines: ['1 Main St'], city: 'Berlin', postalCode: '', countryCode: 'DE' };
const lines = [{ sku: 'a', quantity: 1, unitPrice: { currencyCode: 'USD', minorUnits: 1n } }];
const { signal } = new AbortController();

describe('watchOrder', () => {
  let folder: TempFolder;
  let storage: Storage;
  const clock = createTestClock();
  const changes = createOrderChanges(clock);

  beforeEach(async () => {
    folder = await tempFolder();
    storage = await openStorage(`sqlite:${join(folder.path, 'order.db')}`);
    await storage.migrate('order', await loadMigrations(new URL('./migrations/', import.meta.url)));
    const order = newOrder({ id: 'order-1', userId: 'ada', lines, shippingAddress, timeMs: clock.now() });
    await storage.transaction((tx) => insertOrder(tx, order));
  });
  afterEach(async () => {
    await storage.close();
    await folder[Symbol.asyncDispose]();
  });

  /** Changes the order as another process does: without a notification. */
  function changeSilently(state: OrderState): Promise<Order> {
    return storage.transaction((tx) => updateOrder(tx, 'order-1', { state, timeMs: clock.now() }));
  }

  async function change(state: OrderState): Promise<void> {
    changes.publish(await changeSilently(state));
  }

  function watch(watched: Storage = storage, ending: AbortSignal = signal): AsyncIterator<Order> {
    return watchOrder('order-1', { signal: ending, idle: (wait) => wait() }, { storage: watched, changes });
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
    const shared = { ...storage, exclusive: false, query };
    const watching = watchOrder('order-1', { signal, idle }, { storage: shared, changes });
    expect(await nextState(watching)).toBe('PENDING');
    const reserved = nextState(watching);
    await eventually(() => expect(isIdle).toBe(true));
    await changeSilently('RESERVED');
    await clock.advance(500);
    expect(await reserved).toBe('RESERVED');
    expect(queriedWhileIdle).toEqual([false, false]);
    await watching.return();
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
    const watching = watch({ ...storage, exclusive: false });
    expect(await nextState(watching)).toBe('PENDING');
    const waiting = nextState(watching);
    await changeSilently('RESERVED');
    await eventually(() => expect(clock.pendingMs()).toEqual([500]));
    clock.advance(500);
    expect(await waiting).toBe('RESERVED');
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
    const unknown = watchOrder('unknown', { signal, idle: (wait) => wait() }, { storage, changes });
    await expect(unknown.next()).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'ORDER_NOT_FOUND' });
  });
});
