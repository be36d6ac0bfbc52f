import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '#mesh/testing';
import { nextState, WatchedOrder } from './testing/watched-order.ts';

let order: WatchedOrder;

beforeEach(async () => {
  order = await WatchedOrder.place();
});

afterEach(() => order.close());

describe('the changes of orders that other processes change too', () => {
  it('reads the storage twice a second if another process may change the order', async () => {
    order.share();
    const watching = order.watch();
    expect(await nextState(watching)).toBe('PENDING');
    const waiting = nextState(watching);
    await order.changeSilently('RESERVED');
    await eventually(() => expect(order.clock.pendingMs()).toEqual([500]));
    order.clock.advance(500);
    expect(await waiting).toBe('RESERVED');
    await watching.return();
  });

  it('reads the storage once for all watchers when another process notifies, and not for own changes', async () => {
    let queries = 0;
    order.share((sql, params) => {
      queries += 1;
      return order.storage.query(sql, params);
    });
    const watchings = Array.from({ length: 50 }, () => order.watch());
    for (const watching of watchings) expect(await nextState(watching)).toBe('PENDING');
    const reserved = watchings.map(nextState);
    await order.changeSilently('RESERVED');
    order.storage.notify('order_changed');
    await eventually(() => expect(order.clock.pendingMs()).toEqual([0]));
    order.clock.advance(0);
    for (const state of await Promise.all(reserved)) expect(state).toBe('RESERVED');
    expect(queries).toBe(1);

    const paid = watchings.map(nextState);
    await order.change('PAID');
    for (const state of await Promise.all(paid)) expect(state).toBe('PAID');
    expect(order.clock.pendingMs()).toEqual([500]);
    // Many notifications in a row cost one reading in 20 ms.
    for (let count = 0; count < 10; count += 1) order.storage.notify('order_changed');
    await eventually(() => expect(order.clock.pendingMs()).toEqual([20]));
    for (const watching of watchings) await watching.return();
    expect(order.clock.pendingMs()).toEqual([]);
  });

  it('queues each version once for a caller that does not read', async () => {
    order.share();
    const feed = order.changes.watch('order-1');
    for (let reading = 1; reading <= 100; reading += 1) {
      await eventually(() => expect(order.clock.pendingMs()).toEqual([500]), { intervalMs: 1 });
      if (reading === 50) await order.changeSilently('NEEDS_ATTENTION');
      order.clock.advance(500);
    }
    await eventually(() => expect(order.clock.pendingMs()).toEqual([500]));
    expect(feed.take().map(({ state }) => state)).toEqual(['PENDING', 'NEEDS_ATTENTION']);
    feed.close();
  });

  it('continues after the storage could not be read', async () => {
    let isAway = false;
    order.share((sql, params) => (isAway ? Promise.reject(new Error('away')) : order.storage.query(sql, params)));
    const watching = order.watch();
    await nextState(watching);
    const waiting = nextState(watching);
    await order.changeSilently('RESERVED');
    isAway = true;
    order.clock.advance(500);
    await eventually(() => expect(order.clock.pendingMs()).toEqual([500]));
    isAway = false;
    order.clock.advance(500);
    expect(await waiting).toBe('RESERVED');
    expect(order.log.lines).toMatchObject([{ level: 'warn', msg: 'watched orders could not be read; retrying' }]);
    await watching.return();
  });
});
