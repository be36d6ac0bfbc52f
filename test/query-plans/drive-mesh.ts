import { randomUUID } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { ReservationState } from '#gen/inventory/v1/inventory.ts';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { ConsumerServiceContract } from '#gen/ops/v1/consumer.contract.ts';
import { SagaState } from '#gen/ops/v1/ops.ts';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { StatusServiceContract } from '#gen/ops/v1/status.contract.ts';
import { OrderState } from '#gen/order/v1/order.ts';
import { LedgerServiceContract } from '#gen/payment/v1/ledger.contract.ts';
import { OrderReportServiceContract } from '#gen/report/v1/report.contract.ts';
import { createJob } from '../../mesh/leases/job.ts';
import { createOperatorActions } from '../../mesh/operator-actions/create-operator-actions.ts';
import { openStorage } from '../../mesh/storage/open.ts';
import { createTaskDeadLetters } from '../../mesh/tasks/brokered/dead-letters/task-dead-letters.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import type { TestMesh } from '../../mesh/testing/start-mesh.ts';
import { systemClock } from '../../mesh/time/clock.ts';
import { sleep } from '../../mesh/time/sleep.ts';
import type { StuckService } from '../../services/ops/testing/stuck-service.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from '../support/shop.ts';

/** Uses what a mesh of all services offers: orders of all ends, each filter of each list, and what operators do. */
export async function driveMesh({ runtime, metricsAddress }: TestMesh, stuck: StuckService): Promise<void> {
  const shop = shopOf(runtime);
  await fillShop(shop);
  for (const order of [{}, { quantity: 101 }, { userId: 'tom' }, { countryCode: 'AQ' }]) {
    const { id } = await shop.orders.placeOrder(bookOrder(order));
    await watchToEnd(shop.orders, id);
    await shop.inventory.getReservation({ orderId: id }).catch(() => undefined);
    await shop.shipping.getShipment({ orderId: id }).catch(() => undefined);
    await shop.payments.getPayment({ orderId: id }).catch(() => undefined);
    await all(shop.notifications.listNotifications({ orderId: id }));
    await all(shop.notifications.listNotifications({ orderId: id, userId: 'ada' }));
  }
  await useLists(shop);
  await useRecords(shop);
  await useReports(runtime);
  await operate(runtime, stuck);
  await (await fetch(`http://${metricsAddress}/metrics`)).text();
}

/** Stores the dead letter of a task of a broker. */
export async function buryTask(url: string): Promise<void> {
  const storage = await openStorage(url);
  onTestFinished(() => storage.close());
  const deadLetters = await createTaskDeadLetters(storage, systemClock, async () => undefined);
  const letter = { origin: 'jobs', reason: 'FAILED', error: 'no', attempts: 1, payload: new Uint8Array(), headers: {} };
  await deadLetters.add('one', { ...letter, subjectId: 'one', firstTimeMs: 1 });
}

/** Records an action of an operator, and reads it. */
export async function recordAction(url: string): Promise<void> {
  const storage = await openStorage(url);
  onTestFinished(() => storage.close());
  const actions = createOperatorActions(storage, systemClock);
  const action = { subject: 'olga', roles: ['operator'], method: 'RetrySaga', request: '{}', reason: 'fixed' };
  const id = await actions.begin({ ...action, requestId: 'one' });
  await actions.end(id, 'OK');
  await actions.page('', 10);
}

/** Runs a job twice, long enough for its lease to be renewed. */
export async function runJob(url: string): Promise<void> {
  const storage = await openStorage(url);
  onTestFinished(() => storage.close());
  const twice = Promise.withResolvers<void>();
  let runs = 0;
  const options = {
    storage,
    name: 'job',
    everyMs: 1,
    leaseMs: 300,
    clock: systemClock,
    logger: createLogger('silent'),
  };
  const job = await createJob(options, async (signal) => {
    runs += 1;
    if (runs === 2) twice.resolve();
    await sleep(systemClock, 150, signal);
  });
  await job.start();
  await twice.promise;
  await job.stop(1_000);
}

type Shop = ReturnType<typeof shopOf>;

async function useLists(shop: Shop): Promise<void> {
  await all(shop.orders.listOrders({}));
  await all(shop.orders.listOrders({ userId: 'ada' }));
  await all(shop.orders.listOrders({ state: OrderState.ORDER_STATE_COMPLETED }));
  await all(shop.orders.listOrders({ userId: 'ada', state: OrderState.ORDER_STATE_COMPLETED }));
  await all(shop.inventory.listItems({}));
  await all(shop.inventory.listReservations({}));
  const state = ReservationState.RESERVATION_STATE_RELEASED;
  for (const filter of [{ state }, { owner: 'gift' }, { state, owner: 'gift' }])
    await all(shop.inventory.listReservations(filter));
  await all(shop.notifications.listNotifications({}));
  await all(shop.notifications.listNotifications({ userId: 'ada' }));
  await all(shop.payments.listPayments({}));
  await all(shop.payments.listPayments({ owner: 'gift' }));
  await all(shop.users.listUsers({}));
  await all(shop.users.listUsers({ role: 'customer' }));
}

async function useRecords(shop: Shop): Promise<void> {
  const user = await shop.users.getUser({ id: 'ada' });
  await shop.users.updateUser({ user: { ...user, email: 'other@example.com' }, updateMask: ['email'] });
  await shop.users.batchGetUsers({ ids: ['ada', 'tom'] });
  await shop.users.createUser({ user: { id: 'eve', name: 'eve', email: 'eve@example.com' } });
  await shop.users.deleteUser({ id: 'eve' });
  await shop.users.createUser({ user: { id: 'eve', name: 'eve', email: 'eve@example.com' } });
  await shop.inventory.batchGetItems({ skus: ['book'] });
  await shop.inventory.adjustStock({ requestId: randomUUID(), sku: 'book', delta: 5n, reason: 'count' });
  await shop.accounts.getBalance({ accountId: 'ada' });
  await all(shop.accounts.listAccountEvents({ accountId: 'ada' }));
  const [letter] = await all(shop.notifications.listNotifications({ userId: 'ada' }));
  await shop.notifications.getNotification({ id: letter?.id ?? '' });
}

async function useReports(runtime: TestMesh['runtime']): Promise<void> {
  const ledger = runtime.client(LedgerServiceContract);
  await all(ledger.listBalances({}));
  await all(ledger.listBalances({ currencyCode: 'EUR' }));
  await all(ledger.listStatements({ accountId: 'ada' }));
  const reports = runtime.client(OrderReportServiceContract);
  await all(reports.listUserOrders({ userId: 'ada' }));
  await all(reports.listBestSellers({}));
}

async function operate(runtime: TestMesh['runtime'], stuck: StuckService): Promise<void> {
  const { sagas, deadLetters } = shopOf(runtime);
  await stuck.beginSaga('stuck-1');
  await stuck.addDeadEvent('a');
  await stuck.addDeadEvent('b');
  await all(sagas.listSagas({}));
  for (const state of [SagaState.SAGA_STATE_RUNNING, SagaState.SAGA_STATE_NEEDS_ATTENTION])
    await all(sagas.listSagas({ state }));
  await all(sagas.listSagas({ failing: true }));
  const letters = await all(deadLetters.listDeadLetters({}));
  const [{ origin = '', reason = '' } = {}] = letters;
  for (const filter of [{ origin }, { reason }, { origin, reason }]) await all(deadLetters.listDeadLetters({ filter }));
  const [first = '', ...others] = letters.map(({ id }) => id);
  await deadLetters.getDeadLetter({ id: first });
  await deadLetters.discardDeadLetters({ requestId: randomUUID(), ids: [first], note: 'lost' });
  await deadLetters.redriveDeadLetters({ requestId: randomUUID(), ids: others });
  stuck.healed = true;
  await deadLetters.redriveDeadLetters({ requestId: randomUUID(), ids: others });
  const projections = runtime.client(ProjectionServiceContract);
  for (const { name } of await all(projections.listProjections({}))) await all(projections.rebuildProjection({ name }));
  await all(runtime.client(AuditServiceContract).runAudit({}));
  await runtime.client(StatusServiceContract).getStatus({});
  await runtime.client(ConsumerServiceContract).listConsumers({});
}

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(list);
}
