import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { defineService, serve } from '#mesh';
import { orderTopic } from './events.ts';
import { createOrderChanges } from './order-changes.ts';
import { definePlaceOrderSaga } from './place-order.saga.ts';
import { balancesForDisplay } from './quote-order.ts';
import { createOrderRpc } from './rpc.ts';

export const orderService = defineService({
  name: 'order',
  migrations: new URL('./migrations/', import.meta.url),
  topics: [orderTopic],
  setup: async ({ storage, outbox, client, run, draining, clock, logger }) => {
    const users = client(UserServiceContract);
    const inventory = client(InventoryServiceContract);
    const payments = client(PaymentServiceContract);
    const shipping = client(ShippingServiceContract);
    const changes = createOrderChanges({ storage, clock, logger });
    const sagaDeps = { inventory, payments, shipping, outbox, changes, clock };
    const placeOrderSaga = definePlaceOrderSaga(sagaDeps, 2);
    const sagas = await run.sagas([definePlaceOrderSaga(sagaDeps, 1), placeOrderSaga]);
    const balances = balancesForDisplay(client);
    const deps = { storage, outbox, users, inventory, balances, sagas, placeOrderSaga, changes, clock, draining };
    const rpc = createOrderRpc(deps);
    return { serves: [serve(OrderServiceContract, rpc)] };
  },
});
