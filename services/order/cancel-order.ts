import type { SagaEngine, Transaction } from '#mesh';
import { orderNotCancellable, orderNotFound } from './errors.ts';
import { isTerminal, type Order } from './order.ts';
import { findOrder } from './store.ts';

/** Asks an order to stop. The answer is the order as it is; it is on its way to CANCELLED. */
export type CancelOrder = (tx: Transaction, id: string, reason: string) => Promise<Order>;

export function createCancelOrder(sagas: SagaEngine): CancelOrder {
  return async (tx, id, reason) => {
    const order = await findOrder(tx, id);
    if (!order) throw orderNotFound({ orderId: id });
    const message = reason === '' ? 'cancelled by the caller' : reason;
    const accepted = await sagas.cancel(tx, id, { reason: 'CANCELLED_BY_USER', message });
    if (!accepted) throw orderNotCancellable({ orderId: id, state: order.state, hasEnded: isTerminal(order.state) });
    return order;
  };
}
