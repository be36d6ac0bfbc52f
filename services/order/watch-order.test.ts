import { Status } from 'nice-grpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IdleWait, Row, SqlValue, Storage } from '#mesh';
import { eventually } from '#mesh/testing';
import { nextState, WatchedOrder } from './testing/watched-order.ts';

let order: WatchedOrder;

beforeEach(async () => {
  order = await WatchedOrder.place();
});

afterEach(() => order.close());

describe('watchOrder', () => {
  it('yields the order as it is, then each change, even if changes come faster than they are taken', async () => {
    const watching = order.watch();
    expect(await nextState(watching)).toBe('PENDING');
    const waiting = nextState(watching);
    await order.change('RESERVED');
    expect(await waiting).toBe('RESERVED');
    for (const state of ['PAID', 'SHIPPED', 'COMPLETED'] as const) await order.change(state);
    for (const state of ['PAID', 'SHIPPED', 'COMPLETED', 'ended']) expect(await nextState(watching)).toBe(state);
  });

  it('is idle while it waits for a change, and at no other time', async () => {
    let isIdle = false;
    const queriedWhileIdle: boolean[] = [];
    const query: Storage['query'] = (sql, params) => {
      queriedWhileIdle.push(isIdle);
      return order.storage.query(sql, params);
    };
    const idle: IdleWait = async (wait) => {
      isIdle = true;
      const result = await wait();
      isIdle = false;
      return result;
    };
    order.share();
    const watching = order.watch({ idle, storage: { ...order.storage, query } });
    expect(await nextState(watching)).toBe('PENDING');
    const reserved = nextState(watching);
    await eventually(() => expect(isIdle).toBe(true));
    await order.changeSilently('RESERVED');
    await order.clock.advance(500);
    expect(await reserved).toBe('RESERVED');
    expect(queriedWhileIdle).toEqual([false]);
    await watching.return();
  });

  it('resumes with what has changed since the last etag', async () => {
    const { version } = await order.changeSilently('RESERVED');
    const resumed = order.watch({ afterEtag: `${version - 1n}` });
    expect(await nextState(resumed)).toBe('RESERVED');
    await resumed.return();
  });

  it('yields nothing twice if nothing has changed since the last etag', async () => {
    const resumed = order.watch({ afterEtag: '1' });
    const next = nextState(resumed);
    await order.change('RESERVED');
    expect(await next).toBe('RESERVED');
    await resumed.return();
    const { version } = await order.changeSilently('FAILED');
    expect(await nextState(order.watch({ afterEtag: `${version}` }))).toBe('ended');
  });

  it('yields a version that has the etag of an order from before a restore', async () => {
    const resumed = order.watch({ afterEtag: '2' });
    expect(await nextState(resumed)).toBe('PENDING');
    const next = nextState(resumed);
    await order.change('RESERVED');
    expect(await next).toBe('RESERVED');
    await resumed.return();
  });

  it('ends immediately if the order has ended', async () => {
    await order.change('CANCELLED');
    const watching = order.watch();
    expect(await nextState(watching)).toBe('CANCELLED');
    expect(await nextState(watching)).toBe('ended');
  });

  it('continues while the order needs attention', async () => {
    const watching = order.watch();
    await nextState(watching);
    for (const state of ['NEEDS_ATTENTION', 'COMPENSATING', 'FAILED', 'ended'] as const) {
      if (state !== 'ended') await order.change(state);
      expect(await nextState(watching)).toBe(state);
    }
  });

  it('misses no change that comes while it reads, and yields none twice', async () => {
    let reads = 0;
    const slow: Storage = {
      ...order.storage,
      async query<R extends Row>(sql: string, params?: readonly SqlValue[]): Promise<R[]> {
        const rows = await order.storage.query<R>(sql, params);
        if (++reads === 1) await order.change('RESERVED');
        return rows;
      },
    };
    const watching = order.watch({ storage: slow });
    expect(await nextState(watching)).toBe('PENDING');
    expect(await nextState(watching)).toBe('RESERVED');
    const waiting = nextState(watching);
    await order.change('PAID');
    expect(await waiting).toBe('PAID');
    expect(reads).toBe(1);
  });

  it('throws what its signal aborts with, and leaves no timer', async () => {
    const ending = new AbortController();
    const watching = order.watch({ signal: ending.signal });
    await nextState(watching);
    const waiting = nextState(watching);
    const reason = new Error('the server is stopping');
    ending.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect(order.clock.pendingMs()).toEqual([]);
  });

  it('throws NOT_FOUND if there is no such order', async () => {
    const unknown = order.watch({ id: 'unknown' });
    await expect(unknown.next()).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'ORDER_NOT_FOUND' });
  });
});
