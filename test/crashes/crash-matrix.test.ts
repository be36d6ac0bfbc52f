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
import { type CrashPoint, crashPointVariable, type Step } from './support/crash-point.ts';

/** The expected end of an order and what causes it. */
interface Scenario {
  readonly state: OrderState;
  readonly reason?: string;
  readonly order?: Parameters<typeof bookOrder>[0];
  /** The orders are cancelled while the carrier delays them. */
  readonly cancelled?: boolean;
}

const completes: Scenario = { state: OrderState.ORDER_STATE_COMPLETED };
const refusedByCarrier: Scenario = {
  state: OrderState.ORDER_STATE_FAILED,
  reason: 'CARRIER_REFUSED',
  order: { countryCode: 'AQ' },
};
const refusedByBank: Scenario = {
  state: OrderState.ORDER_STATE_FAILED,
  reason: 'INSUFFICIENT_FUNDS',
  order: { userId: 'tom' },
};
const cancelled: Scenario = {
  state: OrderState.ORDER_STATE_CANCELLED,
  reason: 'CANCELLED_BY_USER',
  cancelled: true,
};

/** Crash points before and after each step. */
function around(...steps: readonly Step[]): CrashPoint[] {
  return steps.flatMap((step) => [`before ${step}`, `after ${step}`] as const);
}

const orderCommits = Array.from({ length: 8 }, (_, index) => `order commit ${index + 1}` as const);

describe.concurrent.each([
  ['that completes', completes, around('order reserveStock 1', 'order charge 1', 'order createShipment 1')],
  ['that completes', completes, around('order commitStock 1', 'order commitStock 2')],
  ['that completes', completes, around(...orderCommits)],
  ['that completes', completes, around('inventory commit 1', 'payment commit 1', 'shipping commit 1')],
  ['that completes', completes, around('shipping commit 2', 'inventory commit 3')],
  [
    'that completes',
    completes,
    around('order publish 1', 'inventory publish 1', 'payment publish 1', 'shipping publish 1'),
  ],
  ['that completes', completes, around('notification event 1', 'notification inbox 1', 'notification enqueue 1')],
  ['that completes', completes, around('notification task 1', 'notification note 1', 'notification commit 1')],
  ['that the carrier refuses', refusedByCarrier, around('order refund 1', 'order releaseStock 1', 'order publish 2')],
  ['that the carrier refuses', refusedByCarrier, around('payment commit 2', 'shipping commit 2', 'inventory commit 2')],
  ['that cannot be paid', refusedByBank, around('order charge 1', 'order releaseStock 1')],
  ['that is cancelled', cancelled, around('order cancelShipment 1', 'order refund 1', 'order releaseStock 1')],
])('an order %s', (_, scenario, points) => {
  it.each(points)('ends as if nothing happened when its process dies %s', (point) => survive(point, scenario), 120_000);
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

  const accepted = await placeUntilDeath(point, options, scenario, requests, carrier);

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
  await invariants.expectNotifiedOnce(shop, dataDir, orders);
  await invariants.expectConserved(shop, orders);
  await invariants.expectNothingStuck(shop);
  const due = await invariants.countExpectedEvents(shop, orders);
  expect(await mesh.stop()).toEqual({ code: 0, signal: null });
  await invariants.expectEveryEvent(dataDir, due);
}

/** Places orders until the process dies at the point. Returns the ids of accepted orders. */
async function placeUntilDeath(
  point: CrashPoint,
  { dataDir, environment }: Required<Pick<ProcessOptions, 'dataDir' | 'environment'>>,
  scenario: Scenario,
  requests: readonly PlaceOrderRequest[],
  carrier: TestCarrier,
): Promise<string[]> {
  await using mesh = await startProcess({
    dataDir,
    main: 'test/crashes/support/crashing-main.ts',
    environment: { ...environment, [crashPointVariable]: point },
  });
  const shop = shopOf(mesh);
  const held = scenario.cancelled ? carrier.hold(requests.length) : undefined;
  const answers = await Promise.allSettled(requests.map((request) => shop.orders.placeOrder(request)));
  const accepted = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.id] : []));
  if (held) {
    await held.arrived;
    await Promise.all(accepted.map((id) => shop.orders.cancelOrder({ requestId: randomUUID(), id })));
    held.release();
  }
  const timeout = setTimeout(20_000, 'the crash point was not reached', { ref: false });
  expect(await Promise.race([mesh.ended, timeout])).toEqual({ code: null, signal: 'SIGKILL' });
  return accepted;
}

/** Returns the order of a request at its end. Repeats the request, as a caller does that got no response. */
async function endOf(shop: Shop, request: PlaceOrderRequest): Promise<Order> {
  const { id } = await shop.orders.placeOrder(request);
  const seen = await watchToEnd(shop.orders, id);
  return seen.at(-1) as Order;
}
