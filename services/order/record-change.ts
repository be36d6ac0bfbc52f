import type { Outbox, Transaction } from '#mesh';
import { orderNotFound } from './errors.ts';
import { orderEvent } from './events.ts';
import type { OrderChanges } from './order-changes.ts';
import { type OrderChange, updateOrder } from './store.ts';

/** Writes a change of an order with its event, and tells those who watch it. */
export type RecordChange = (tx: Transaction, orderId: string, change: OrderChange) => Promise<void>;

export function createRecordChange(outbox: Outbox, changes: OrderChanges): RecordChange {
  return async (tx, orderId, change) => {
    const order = await updateOrder(tx, orderId, change);
    if (!order) throw orderNotFound({ orderId });
    await outbox.addEvent(tx, orderEvent(order));
    tx.afterCommit(() => changes.publish(order));
  };
}
