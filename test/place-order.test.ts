import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { SagaState, SagaStepState } from '#gen/ops/v1/ops.ts';
import { type Order, orderStateToJSON } from '#gen/order/v1/order.ts';
import { ShipmentState } from '#gen/shipping/v1/shipping.ts';
import { intercept } from '../mesh/testing/intercept.ts';
import { startMesh, type TestMesh } from '../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../mesh/testing/temp-folder.ts';
import { allServices } from '../services/all.ts';
import { allServicesWith } from './support/all-services.ts';
import { expectConserved, expectNotifiedOnce, expectPaidOnce, expectShippedOnce } from './support/invariants.ts';
import { readMails } from './support/mails.ts';
import { bookOrder, fillShop, type Shop, shopOf, stocked, watchToEnd } from './support/shop.ts';
import { startCarrier, type TestCarrier } from './support/test-carrier.ts';

const happyStates = ['PENDING', 'RESERVED', 'PAID', 'SHIPPED', 'COMPLETED'];

describe('an order', () => {
  let folder: TempFolder;
  let carrier: TestCarrier;
  let mesh: TestMesh;
  let shop: Shop;

  beforeEach(async () => {
    folder = await tempFolder();
    carrier = await startCarrier(folder.path);
    mesh = await startMesh(allServices, { CARRIER_URL: carrier.url });
    shop = shopOf(mesh.runtime);
    await fillShop(shop);
  });

  afterEach(async () => {
    await mesh.stop();
    await carrier[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Places an order and waits for its end. */
  async function placeToEnd(order?: Parameters<typeof bookOrder>[0]): Promise<Order> {
    const { id } = await shop.orders.placeOrder(bookOrder(order));
    const seen = await watchToEnd(shop.orders, id);
    return seen.at(-1) as Order;
  }

  /** Stock, accounts, shipments and mails match the final states of the orders. */
  async function expectConsistent(...orders: readonly Order[]): Promise<void> {
    await expectConserved(shop, orders);
    await expectPaidOnce(shop, orders);
    await expectShippedOnce(carrier, orders);
    await expectNotifiedOnce(shop, mesh.dataDir, orders);
  }

  it('is accepted in PENDING, priced by the server, and completes', async () => {
    const placed = await shop.orders.placeOrder(bookOrder({ quantity: 4 }));
    expect(stateOf(placed)).toBe('PENDING');
    expect(placed.total).toEqual({ currencyCode: 'EUR', minorUnits: 4n * stocked.price });
    const seen = await watchToEnd(shop.orders, placed.id);
    const order = seen.at(-1) as Order;
    expect(stateOf(order)).toBe('COMPLETED');
    expect(order).toEqual(await shop.orders.getOrder({ id: placed.id }));
    await expect(shop.payments.getPayment({ orderId: order.id })).resolves.toMatchObject({ id: order.paymentId });
    await expect(shop.shipping.getShipment({ orderId: order.id })).resolves.toMatchObject({
      id: order.shipmentId,
      paymentId: order.paymentId,
      state: ShipmentState.SHIPMENT_STATE_BOOKED,
    });
    await expectConsistent(order);
  });

  it('shows each state once, in order, to a watcher from the start', async () => {
    const watched = Promise.withResolvers<void>();
    const reserveStock = (reserve: () => Promise<unknown>) => watched.promise.then(reserve);
    const patient = allServicesWith('order', (runtime) => ({
      ...runtime,
      client: (contract, options) => intercept(runtime.client(contract, options), { reserveStock }),
    }));
    const waiting = await startMesh(patient);
    onTestFinished(() => waiting.stop());
    const patientShop = shopOf(waiting.runtime);
    await fillShop(patientShop);
    const { id } = await patientShop.orders.placeOrder(bookOrder());
    const states: string[] = [];
    for await (const order of patientShop.orders.watchOrder({ id })) {
      states.push(stateOf(order));
      watched.resolve();
    }
    expect(states).toEqual(happyStates);
  });

  it('publishes each state as an event', async () => {
    const { id } = await placeToEnd();
    const types: string[] = [];
    for await (const event of mesh.runtime.events.read(
      'order.events',
      { at: 'beginning' },
      new AbortController().signal,
    )) {
      if (event.key === id) types.push(event.headers.ce_type ?? '');
      if (types.length === happyStates.length) break;
    }
    expect(types).toEqual(['ORDER_PLACED', 'ORDER_RESERVED', 'ORDER_PAID', 'ORDER_SHIPPED', 'ORDER_COMPLETED']);
  });

  it('shows each step in its saga', async () => {
    const { id } = await placeToEnd();
    const saga = await shop.sagas.getSaga({ name: { $case: 'orderId', value: id } });
    expect(saga).toMatchObject({ name: 'place-order', subjectId: id, state: SagaState.SAGA_STATE_COMPLETED });
    const done = { state: SagaStepState.SAGA_STEP_STATE_DONE, attempts: 1, lastError: '' };
    expect(saga.steps).toMatchObject([
      { name: 'reserve-stock', ...done },
      { name: 'charge', ...done },
      { name: 'create-shipment', ...done },
      { name: 'commit-stock', ...done },
    ]);
  });

  it('notifies the user by mail', async () => {
    const order = await placeToEnd();
    await expectNotifiedOnce(shop, mesh.dataDir, [order]);
    const notifications = await Array.fromAsync(shop.notifications.listNotifications({ orderId: order.id }));
    const mails = new Map(readMails(join(mesh.dataDir, 'mail')).map(({ id, text }) => [id, text]));
    for (const { id } of notifications) expect(mails.get(id)).toContain('To: ada@example.com\n');
  });

  it.each([
    ['the stock is insufficient', { quantity: 101 }, 'INSUFFICIENT_STOCK'],
    ['the account has no money', { userId: 'tom' }, 'INSUFFICIENT_FUNDS'],
    ['the carrier refuses the country', { countryCode: 'AQ' }, 'CARRIER_REFUSED'],
  ])('fails and leaves nothing behind if %s', async (_, request, reason) => {
    const order = await placeToEnd(request);
    expect(stateOf(order)).toBe('FAILED');
    expect(order.failure?.reason).toBe(reason);
    await expectConsistent(order);
  });

  it('completes with one shipment if the responses of the carrier are lost', async () => {
    carrier.loseResponses(2);
    const order = await placeToEnd();
    expect(stateOf(order)).toBe('COMPLETED');
    await expectConsistent(order);
  });

  it('is undone if it is cancelled during the call to the carrier', async () => {
    const held = carrier.hold(1);
    const { id } = await shop.orders.placeOrder(bookOrder());
    await held.arrived;
    await shop.orders.cancelOrder({ requestId: randomUUID(), id, reason: 'changed my mind' });
    held.release();
    const order = (await watchToEnd(shop.orders, id)).at(-1) as Order;
    expect(stateOf(order)).toBe('CANCELLED');
    expect(order.failure).toEqual({ reason: 'CANCELLED_BY_USER', message: 'changed my mind' });
    await expectConsistent(order);
  });

  it('can no longer be cancelled once it has completed', async () => {
    const { id } = await placeToEnd();
    await expect(shop.orders.cancelOrder({ requestId: randomUUID(), id })).rejects.toMatchObject({
      code: Status.FAILED_PRECONDITION,
      reason: 'ORDER_NOT_CANCELLABLE',
    });
  });

  it('is refused for an unknown user or item, and not stored', async () => {
    const place = (changes: object) => shop.orders.placeOrder({ ...bookOrder(), ...changes });
    const refusal = { code: Status.FAILED_PRECONDITION };
    await expect(place({ userId: 'nobody' })).rejects.toMatchObject({ ...refusal, reason: 'UNKNOWN_USER' });
    const items = [{ sku: 'unicorn', quantity: 1 }];
    await expect(place({ items })).rejects.toMatchObject({ ...refusal, reason: 'UNKNOWN_ITEM' });
    expect(await Array.fromAsync(shop.orders.listOrders({}))).toEqual([]);
  });

  it('never gets more than the stock, no matter how many orders compete', async () => {
    const quantity = 10;
    const orders = await Promise.all(Array.from({ length: 15 }, () => placeToEnd({ quantity })));
    const states = orders.map(stateOf);
    expect(states.filter((state) => state === 'COMPLETED')).toHaveLength(Number(stocked.onHand) / quantity);
    expect(states.filter((state) => state === 'FAILED')).toHaveLength(5);
    await expectConserved(shop, orders);
  });
});

function stateOf(order: Order): string {
  return orderStateToJSON(order.state).replace('ORDER_STATE_', '');
}
