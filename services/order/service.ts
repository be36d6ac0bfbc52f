import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { defineService, serve } from '#mesh';
import { orderTopic } from './events.ts';
import { createOrderChanges } from './order-changes.ts';
import { createOrderWriter } from './order-writer.ts';
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
    const writes = { writer: createOrderWriter(), outbox };
    const sagaDeps = { inventory, payments, shipping, ...writes, changes, clock };
    const versions = [definePlaceOrderSaga(sagaDeps, 1), definePlaceOrderSaga(sagaDeps, 2)] as const;
    // A process of the version before, which may use a PostgreSQL database too, does not know version 2: it could not cancel
    // such an order, nor complete it after a rollback. The next release begins version 2 there as well.
    const placeOrderSaga = versions[storage.exclusive ? 1 : 0];
    const sagas = await run.sagas(versions);
    const balances = balancesForDisplay(client);
    const deps = { storage, ...writes, users, inventory, balances, sagas, placeOrderSaga, changes, clock, draining };
    const rpc = createOrderRpc(deps);
    return { serves: [serve(OrderServiceContract, rpc)] };
  },
});
