import type { Clock } from '#mesh';
import type { Order } from './order.ts';

/** The changes of one order, as they become durable. */
export interface OrderFeed {
  /** What came since the last time, the oldest first. */
  take(): Order[];
  /** Resolves when there is something to take, when `signal` aborts, or after `maxMs`. */
  wait(signal: AbortSignal, maxMs: number): Promise<void>;
  close(): void;
}

/** Tells those who watch an order, in this process, of each of its changes. */
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
