import type { Idle, Storage } from '#mesh';
import { orderNotFound } from './errors.ts';
import { isTerminal, type Order } from './order.ts';
import type { OrderChanges } from './order-changes.ts';
import { findOrder } from './store.ts';

/** Yields an order as it is, then each change, and ends after a terminal state. Throws what `signal` aborts with. */
export type WatchOrder = (id: string, signal: AbortSignal, idle: Idle) => AsyncIterable<Order>;

/** Another process that drives the order tells nothing here, so what is stored is looked at this often as well. */
const pollMs = { exclusive: 60_000, shared: 500 };

export function createWatchOrder(storage: Storage, changes: OrderChanges): WatchOrder {
  const waitMs = storage.exclusive ? pollMs.exclusive : pollMs.shared;
  return async function* watchOrder(id, signal, idle) {
    const feed = changes.watch(id);
    try {
      let seen = 0n;
      while (true) {
        const changed = feed.take();
        if (changed.length === 0) changed.push(await requireOrder(storage, id));
        for (const order of changed) {
          if (order.version <= seen) continue;
          seen = order.version;
          yield order;
          if (isTerminal(order.state)) return;
        }
        signal.throwIfAborted();
        await idle(() => feed.wait(signal, waitMs));
      }
    } finally {
      feed.close();
    }
  };
}

async function requireOrder(storage: Storage, id: string): Promise<Order> {
  const order = await findOrder(storage, id);
  if (!order) throw orderNotFound({ orderId: id });
  return order;
}
