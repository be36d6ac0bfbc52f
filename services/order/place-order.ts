import {
  type AssertOwner,
  type Clock,
  type Outbox,
  type SagaDefinition,
  type SagaEngine,
  type Transaction,
  uuidv7,
} from '#mesh';
import { cancelledByUser, orderNotCancellable, orderNotFound, tooManyOrders } from './errors.ts';
import { orderEvent } from './events.ts';
import { isTerminal, newOrder, type Order, type OrderDraft } from './order.ts';
import type { OrderWriter } from './order-writer.ts';
import { type PlacedOrder, placedOrder } from './place-order.saga.ts';
import { findOrders } from './store.ts';

export interface PlaceOrderDeps {
  readonly sagas: SagaEngine;
  readonly placeOrderSaga: SagaDefinition<PlacedOrder>;
  readonly writer: OrderWriter;
  readonly outbox: Outbox;
  readonly clock: Clock;
}

/** Places an order: the order, its event and the saga that completes it are written in one transaction. */
export async function placeOrder(
  tx: Transaction,
  draft: Omit<OrderDraft, 'id' | 'timeMs'>,
  { sagas, placeOrderSaga, writer, outbox, clock }: PlaceOrderDeps,
): Promise<Order> {
  const order = newOrder({ ...draft, id: uuidv7(clock.now()), timeMs: clock.now() });
  await Promise.all([
    writer.insert(tx, order),
    outbox.addEvent(tx, orderEvent(order)),
    sagas.begin(tx, placeOrderSaga, { id: order.id, data: placedOrder(order) }),
  ]);
  return order;
}

/** Refuses new orders while more are unfinished than can be completed in five minutes. */
export async function requireCapacity(sagas: SagaEngine): Promise<void> {
  const backlog = await sagas.backlog();
  if (backlog.retryAfterMs <= 0) return;
  // Up to a fifth later, so callers that were refused together do not come back together.
  const retryAfterMs = Math.round(backlog.retryAfterMs * (1 + 0.2 * Math.random()));
  throw tooManyOrders({ ...backlog, retryAfterMs }, { retryAfterMs });
}

/** Asks an order to stop, and returns it as it is now: it becomes CANCELLED once its steps are undone. */
export async function cancelOrder(
  tx: Transaction,
  { id, reason }: { readonly id: string; readonly reason: string },
  { sagas, assertOwner }: Pick<PlaceOrderDeps, 'sagas'> & { readonly assertOwner: AssertOwner },
): Promise<Order> {
  const [order] = await findOrders(tx, [id]);
  assertOwner(order?.userId);
  if (!order) throw orderNotFound({ orderId: id });
  const message = reason === '' ? 'cancelled by the caller' : reason;
  const accepted = await sagas.cancel(tx, id, { reason: cancelledByUser.reason, message });
  if (!accepted) throw orderNotCancellable({ orderId: id, state: order.state, hasEnded: isTerminal(order.state) });
  return order;
}
