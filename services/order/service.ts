import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { defineService, serve } from '#mesh';
import { createCancelOrder } from './cancel-order.ts';
import { orderTopic } from './events.ts';
import { createLimitBacklog } from './limit-backlog.ts';
import { createOrderChanges } from './order-changes.ts';
import { definePlaceOrderSaga } from './place-order.saga.ts';
import { createPlaceOrder } from './place-order.ts';
import { createQuoteOrder } from './quote-order.ts';
import { createRecordChange } from './record-change.ts';
import { createOrderRpc } from './rpc.ts';
import { createWatchOrder } from './watch-order.ts';

export const orderService = defineService({
  name: 'order',
  migrations: new URL('./migrations/', import.meta.url),
  topics: [orderTopic],
  setup: async ({ storage, outbox, client, run, draining, clock }) => {
    const inventory = client(InventoryServiceContract);
    const changes = createOrderChanges(clock);
    const saga = definePlaceOrderSaga({
      inventory,
      payments: client(PaymentServiceContract),
      shipping: client(ShippingServiceContract),
      recordChange: createRecordChange(outbox, changes),
      clock,
    });
    const sagas = await run.sagas([saga]);
    const rpc = createOrderRpc({
      storage,
      limitBacklog: createLimitBacklog(sagas),
      quoteOrder: createQuoteOrder(client(UserServiceContract), inventory),
      placeOrder: createPlaceOrder({ sagas, saga, outbox, clock }),
      cancelOrder: createCancelOrder(sagas),
      watchOrder: createWatchOrder(storage, changes),
      draining,
    });
    return { serves: [serve(OrderServiceContract, rpc)] };
  },
});
