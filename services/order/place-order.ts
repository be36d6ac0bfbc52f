import { type Clock, type Outbox, type SagaDefinition, type SagaEngine, type Transaction, uuidv7 } from '#mesh';
import { orderEvent } from './events.ts';
import { newOrder, type Order, type OrderDraft } from './order.ts';
import { type PlaceOrderData, sagaData } from './place-order.saga.ts';
import { insertOrder } from './store.ts';

/** Takes an order: the order, its event, and the saga that sees it through are one transaction. */
export type PlaceOrder = (tx: Transaction, draft: Omit<OrderDraft, 'id' | 'timeMs'>) => Promise<Order>;

/** What taking an order takes. */
export interface PlaceOrderDeps {
  readonly sagas: SagaEngine;
  readonly saga: SagaDefinition<PlaceOrderData>;
  readonly outbox: Outbox;
  readonly clock: Clock;
}

export function createPlaceOrder({ sagas, saga, outbox, clock }: PlaceOrderDeps): PlaceOrder {
  return async (tx, draft) => {
    const order = newOrder({ ...draft, id: uuidv7(clock.now()), timeMs: clock.now() });
    await insertOrder(tx, order);
    await outbox.addEvent(tx, orderEvent(order));
    await sagas.begin(tx, saga, { id: order.id, subjectId: order.id, data: sagaData(order) });
    return order;
  };
}
