import type { Transaction } from '#mesh';
import { isTerminal, type Order } from './order.ts';
import { insertOrder, type OrderChange, updateOrder } from './store.ts';

/**
 * Writes orders, and remembers those in progress as it committed them last. Changing such an order needs no read: its row has
 * what is remembered if it still has that version.
 */
export interface OrderWriter {
  insert(tx: Transaction, order: Order): Promise<void>;
  /** Changes an order and gives it its next version. Throws NOT_FOUND `ORDER_NOT_FOUND`. */
  update(tx: Transaction, orderId: string, change: OrderChange): Promise<Order>;
}

/**
 * @param capacity How many orders are remembered, some 2 KB for a small one; the one written the longest ago gives way. Default:
 * 1,000. With a longer backlog, first come, first served, an order gives way before its first step, which then reads it.
 */
export function createOrderWriter(capacity = 1_000): OrderWriter {
  const committed = new Map<string, Order>();

  // Never before the commit: another order could be written under the version of one that was rolled back.
  function rememberCommitted(tx: Transaction, order: Order): void {
    tx.afterCommit(() => {
      committed.delete(order.id);
      if (isTerminal(order.state)) return;
      if (committed.size >= capacity) committed.delete(committed.keys().next().value ?? '');
      committed.set(order.id, order);
    });
  }

  return {
    async insert(tx, order) {
      insertOrder(tx, order);
      rememberCommitted(tx, order);
    },
    async update(tx, orderId, change) {
      const order = await updateOrder(tx, orderId, change, committed.get(orderId));
      rememberCommitted(tx, order);
      return order;
    },
  };
}
