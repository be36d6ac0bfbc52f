import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import {
  type CreateService,
  createIdempotency,
  createOutbox,
  createSagaEngine,
  describeSagas,
  loadMigrations,
  serve,
} from '#mesh';
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

/** Which part of the time to stop may be spent on steps under way; the rest is the outbox's. */
const sagasShare = 0.8;

/** Wires the order service. */
export const createOrderService: CreateService = async (runtime) => {
  const { clock, logger, events, metrics, tasks, draining } = runtime;
  const storage = await runtime.openStorage('order');
  await storage.migrate('order', await loadMigrations(new URL('./migrations/', import.meta.url)));
  const idempotency = await createIdempotency(storage, { clock });
  const outbox = await createOutbox({
    storage,
    events,
    tasks,
    source: '//ordermesh/order',
    topics: [orderTopic],
    clock,
    logger,
  });

  const inventory = runtime.client(InventoryServiceContract);
  const changes = createOrderChanges(clock);
  const saga = definePlaceOrderSaga({
    inventory,
    payments: runtime.client(PaymentServiceContract),
    shipping: runtime.client(ShippingServiceContract),
    recordChange: createRecordChange(outbox, changes),
    clock,
  });
  const sagas = createSagaEngine({ storage, definitions: [saga], clock, logger });
  await sagas.prepare();
  describeSagas(metrics, 'order', sagas);
  const rpc = createOrderRpc({
    storage,
    idempotency,
    limitBacklog: createLimitBacklog(sagas),
    quoteOrder: createQuoteOrder(runtime.client(UserServiceContract), inventory),
    placeOrder: createPlaceOrder({ sagas, saga, outbox, clock }),
    cancelOrder: createCancelOrder(sagas),
    watchOrder: createWatchOrder(storage, changes),
    draining,
  });

  return {
    name: 'order',
    serves: [serve(OrderServiceContract, rpc)],
    deadLetters: [outbox.deadLetters],
    sagas: [sagas],
    start: async () => {
      await outbox.start();
      await sagas.start();
    },
    // One after the other: the last steps that sagas take leave events in the outbox.
    stop: async (graceMs) => {
      const endMs = clock.elapsedMs() + graceMs;
      await sagas.stop(graceMs * sagasShare);
      await outbox.stop(Math.max(0, endMs - clock.elapsedMs()));
    },
    check: () => storage.check(),
  };
};
