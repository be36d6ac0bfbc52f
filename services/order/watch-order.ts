import type { Clock, IdleWait, Storage } from '#mesh';
import { isTerminal, type Order } from './order.ts';
import { getOrder } from './store.ts';

/** The changes of one order, as they become durable. */
export interface OrderFeed {
  /** Returns what has come since the last call, the oldest first. */
  take(): Order[];
  /** Resolves when there is something to take, when `signal` aborts, or after `maxMs`. */
  wait(signal: AbortSignal, maxMs: number): Promise<void>;
  close(): void;
}

/** Notifies those who watch an order in this process. */
export interface OrderChanges {
  publish(order: Order): void;
  watch(orderId: string): OrderFeed;
}

export function createOrderChanges(clock: Clock): OrderChanges {
  const listeners = new Map<string, Set<(order: Order) => void>>();
  return {
    publish(order) {
      for (const listener of listeners.get(order.id) ?? []) listener(order);
    },
    watch(orderId) {
      const queue: Order[] = [];
      let wake: (() => void) | undefined;
      const listener = (order: Order) => {
        queue.push(order);
        wake?.();
      };
      const ofOrder = listeners.get(orderId) ?? new Set();
      listeners.set(orderId, ofOrder.add(listener));
      return {
        take: () => queue.splice(0),
        wait: async (signal, maxMs) => {
          if (queue.length > 0 || signal.aborted) return;
          const woken = Promise.withResolvers<void>();
          wake = woken.resolve;
          const cancelTimer = clock.after(maxMs, woken.resolve);
          signal.addEventListener('abort', wake, { once: true });
          await woken.promise;
          cancelTimer();
          signal.removeEventListener('abort', wake);
        },
        close: () => {
          ofOrder.delete(listener);
          if (ofOrder.size === 0) listeners.delete(orderId);
        },
      };
    },
  };
}

export interface WatchOrderDeps {
  readonly storage: Storage;
  readonly changes: OrderChanges;
}

/** How often the database is read as well: changes made by another process are not published here. */
const pollMs = { exclusive: 60_000, shared: 500 };

/** Yields an order as it is, then each change, and ends after a terminal state. Throws what `signal` aborts with. */
export async function* watchOrder(
  id: string,
  { signal, idle }: { readonly signal: AbortSignal; readonly idle: IdleWait },
  { storage, changes }: WatchOrderDeps,
): AsyncGenerator<Order, void, undefined> {
  const waitMs = storage.exclusive ? pollMs.exclusive : pollMs.shared;
  const feed = changes.watch(id);
  try {
    let seen = 0n;
    while (true) {
      const changed = feed.take();
      if (changed.length === 0) changed.push(await getOrder(storage, id));
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
}
