import type { Storage } from '../../mesh/storage/storage.ts';
import type { Clock } from '../../mesh/telemetry/clock.ts';
import { orderNotFound } from './errors.ts';
import { isTerminal, type Order } from './order.ts';
import type { OrderChanges } from './order-changes.ts';
import { findOrder } from './store.ts';

/** Where another process may drive the order, its changes are looked for this often. */
const pollMs = 500;

/** Yields an order as it is, then each change, and ends after a terminal state. Throws what `signal` aborts with. */
export type WatchOrder = (id: string, signal: AbortSignal) => AsyncIterable<Order>;

export function createWatchOrder(storage: Storage, changes: OrderChanges, clock: Clock): WatchOrder {
  return async function* watchOrder(id, signal) {
    const queue: Order[] = [];
    let wake = () => {};
    const stopListening = changes.listen(id, (order) => {
      queue.push(order);
      wake();
    });
    const onAbort = () => wake();
    signal.addEventListener('abort', onAbort);
    try {
      let seen = 0n;
      while (true) {
        // Another process tells nothing here, so what is stored is read as well.
        if (seen === 0n || (queue.length === 0 && !storage.exclusive)) queue.push(await requireOrder(storage, id));
        for (const order of queue.splice(0)) {
          if (order.version <= seen) continue;
          seen = order.version;
          yield order;
          if (isTerminal(order.state)) return;
        }
        signal.throwIfAborted();
        if (queue.length > 0) continue;
        await new Promise<void>((resolve) => {
          const cancelPoll = storage.exclusive ? () => {} : clock.after(pollMs, resolve);
          wake = () => {
            cancelPoll();
            resolve();
          };
        });
      }
    } finally {
      stopListening();
      signal.removeEventListener('abort', onAbort);
    }
  };
}

async function requireOrder(storage: Storage, id: string): Promise<Order> {
  const order = await findOrder(storage, id);
  if (!order) throw orderNotFound(id);
  return order;
}
