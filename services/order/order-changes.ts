import type { Order } from './order.ts';

type Listener = (order: Order) => void;

/** Tells those who watch an order, in this process, of each of its changes once it is durable. */
export interface OrderChanges {
  publish(order: Order): void;
  /** Returns how to stop listening. */
  listen(orderId: string, listener: Listener): () => void;
}

export function createOrderChanges(): OrderChanges {
  const listeners = new Map<string, Set<Listener>>();
  return {
    publish(order) {
      for (const listener of listeners.get(order.id) ?? []) listener(order);
    },
    listen(orderId, listener) {
      const ofOrder = listeners.get(orderId) ?? new Set();
      listeners.set(orderId, ofOrder.add(listener));
      return () => {
        ofOrder.delete(listener);
        if (ofOrder.size === 0) listeners.delete(orderId);
      };
    },
  };
}
