import { randomUUID } from 'node:crypto';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Order, OrderState, type PlaceOrderRequest } from '#gen/order/v1/order.ts';
import { type ProcessOptions, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import * as invariants from '../support/invariants.ts';
import { bookOrder, fillShop, type Shop, shopOf, watchToEnd } from '../support/shop.ts';
import { startCarrier, type TestCarrier } from '../support/test-carrier.ts';
import { type CrashPoint, crashPointVariable } from './support/crash-point.ts';

/** How orders end whose process is killed. */
interface Scenario {
  readonly state: OrderState;
  readonly reason?: string;
  readonly order?: Parameters<typeof bookOrder>[0];
  /** The orders are cancelled while the carrier holds back their bookings. */
  readonly isCancelled?: boolean;
}

const completes: Scenario = { state: OrderState.ORDER_STATE_COMPLETED };
const refusedByCarrier: Scenario = {
  state: OrderState.ORDER_STATE_FAILED,
  reason: 'CARRIER_REFUSED',
  order: { countryCode: 'AQ' },
};
const cancelled: Scenario = {
  state: OrderState.ORDER_STATE_CANCELLED,
  reason: 'CANCELLED_BY_USER',
  isCancelled: true,
};

// Operations of all kinds but `write` and `event`, with two orders that share commits. The crash matrix has each point of one
// order, without a kill.
describe.concurrent('two orders end as if nothing happened when their process is killed', () => {
  it.each<[CrashPoint, Scenario]>([
    ['after order commit 1', completes],
    ['before order charge 1', completes],
    ['after payment commit 1', completes],
    ['after order run:create-shipment 1', completes],
    ['after order publish 1', completes],
    ['before notification inbox 1', completes],
    ['after notification enqueue 1', completes],
    ['before notification note 1', completes],
    ['after notification task 1', completes],
    ['after order undo:charge 1', refusedByCarrier],
    ['after order cancelShipment 1', cancelled],
  ])('%s', (point, scenario) => survive(point, scenario), 120_000);
});

let template: TempFolder;

beforeAll(async () => {
  template = await tempFolder();
  await using mesh = await startProcess({ dataDir: template.path });
  await fillShop(shopOf(mesh));
  expect(await mesh.stop()).toEqual({ code: 0, signal: null });
});

afterAll(() => template[Symbol.asyncDispose]());

/** Places two orders on a process that dies at the point, restarts it, and checks all invariants. */
async function survive(point: CrashPoint, scenario: Scenario): Promise<void> {
  await using folder = await tempFolder();
  const dataDir = join(folder.path, 'data');
  await cp(template.path, dataDir, { recursive: true });
  await using carrier = await startCarrier(folder.path);
  const options = { dataDir, environment: { CARRIER_URL: carrier.url } };
  const requests = [bookOrder(scenario.order), bookOrder(scenario.order)];

  const accepted = await placeUntilDeath(point, options, requests, scenario.isCancelled ? carrier : undefined);

  await using mesh = await startProcess(options);
  const shop = shopOf(mesh);
  const orders = await Promise.all(requests.map((request) => endOf(shop, request)));
  expect(orders.map((order) => order.id)).toEqual(expect.arrayContaining(accepted));
  expect(await Array.fromAsync(shop.orders.listOrders({}))).toHaveLength(requests.length);
  for (const order of orders) {
    expect(order).toMatchObject({
      state: scenario.state,
      ...(scenario.reason && { failure: { reason: scenario.reason } }),
    });
  }
  await invariants.expectPaidOnce(shop, orders);
  await invariants.expectShippedOnce(carrier, orders);
  await invariants.expectNotifiedOnce(shop, dataDir, orders, { wasKilled: true });
  await invariants.expectConserved(shop, orders);
  await invariants.expectNothingStuck(shop);
  const due = await invariants.countExpectedEvents(shop, orders);
  expect(await mesh.stop()).toEqual({ code: 0, signal: null });
  await invariants.expectEveryEvent(dataDir, due);
}

/**
 * Places orders until the process dies at the point. If `cancelledAt` is given, they are cancelled while that carrier holds them
 * back. Returns the ids of accepted orders.
 */
async function placeUntilDeath(
  point: CrashPoint,
  { dataDir, environment }: Required<Pick<ProcessOptions, 'dataDir' | 'environment'>>,
  requests: readonly PlaceOrderRequest[],
  cancelledAt?: TestCarrier,
): Promise<string[]> {
  await using mesh = await startProcess({
    dataDir,
    main: 'test/crashes/support/crashing-main.ts',
    environment: { ...environment, [crashPointVariable]: point },
  });
  const shop = shopOf(mesh);
  const held = cancelledAt?.hold(requests.length);
  const answers = await Promise.allSettled(requests.map((request) => shop.orders.placeOrder(request)));
  const accepted = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.id] : []));
  if (held) {
    await held.arrived;
    await Promise.all(accepted.map((id) => shop.orders.cancelOrder({ requestId: randomUUID(), id })));
    held.release();
  }
  const timeout = setTimeout(60_000, 'the crash point was not reached', { ref: false });
  expect(await Promise.race([mesh.ended, timeout])).toEqual({ code: null, signal: 'SIGKILL' });
  return accepted;
}

/** Returns the order of a request at its end. Repeats the request, as a caller does that got no response. */
async function endOf(shop: Shop, request: PlaceOrderRequest): Promise<Order> {
  const { id } = await shop.orders.placeOrder(request);
  const seen = await watchToEnd(shop.orders, id);
  return seen.at(-1) as Order;
}
