import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { type Order, OrderState, type PlaceOrderRequest } from '#gen/order/v1/order.ts';
import { type CrashReport, crashEverywhere, type Recording } from '../../mesh/testing/crashes/crash-everywhere.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { patiently } from '../../mesh/testing/patiently.ts';
import type { TestMesh } from '../../mesh/testing/start-mesh.ts';
import { historyOf } from '../support/event-history.ts';
import * as invariants from '../support/invariants.ts';
import { bookOrder, fillShop, type Shop, shopOf, watchToEnd } from '../support/shop.ts';
import { liveShipmentsIn, storedServices } from './support/embedded-carrier.ts';

/** An order, and how it may end. */
interface Scenario {
  readonly order?: Parameters<typeof bookOrder>[0];
  readonly ends: readonly OrderState[];
  readonly reason?: string;
  /** It is cancelled while its shipment is created. */
  readonly isCancelled?: boolean;
}

const scenarios: Readonly<Record<string, Scenario>> = {
  'an order that completes': { ends: [OrderState.ORDER_STATE_COMPLETED] },
  'an order that the carrier refuses': {
    order: { countryCode: 'AQ' },
    ends: [OrderState.ORDER_STATE_FAILED],
    reason: 'CARRIER_REFUSED',
  },
  'an order that cannot be paid': {
    order: { userId: 'tom' },
    ends: [OrderState.ORDER_STATE_FAILED],
    reason: 'INSUFFICIENT_FUNDS',
  },
  'an order that is cancelled': {
    // A crash before the cancellation is accepted leaves an order that completes.
    ends: [OrderState.ORDER_STATE_CANCELLED, OrderState.ORDER_STATE_COMPLETED],
    reason: 'CANCELLED_BY_USER',
    isCancelled: true,
  },
};

/** What services are set up for, but no order does. */
const apart: Readonly<Record<string, string>> = {
  'user commit': 'orders only read users',
  'ops commit': 'it records what operators do',
};

const reports: CrashReport[] = [];

describe('ends as if nothing happened, wherever its process dies', () => {
  it.each(Object.keys(scenarios))('%s', { timeout: 240_000 }, async (name) => {
    const scenario = scenarios[name] as Scenario;
    const request = bookOrder(scenario.order);
    const report = await crashEverywhere({
      services: storedServices,
      prepare: (mesh) => fillShop(shopOf(mesh.runtime)),
      scenarios: {
        [name]: {
          act: (mesh, recording) => act(mesh, recording, request, scenario),
          check: (mesh, { answers }) => check(mesh, answers, request, scenario),
        },
      },
    });
    reports.push(report);
  });

  it('and there is no other point', () => {
    const existing = new Set(reports.flatMap((report) => [...report.existing]));
    const reached = new Set(reports.flatMap((report) => [...report.reached]));
    expect(reports).toHaveLength(Object.keys(scenarios).length);
    expect([...existing].filter((operation) => !reached.has(operation)).sort()).toEqual(Object.keys(apart).sort());
  });
});

afterAll(() => {
  const sum = (key: 'points' | 'restarts') => reports.reduce((total, report) => total + report[key], 0);
  if (reports.length > 0)
    process.stdout.write(`crashes of orders: ${sum('points')} points, ${sum('restarts')} restarts\n`);
});

/** Places an order, cancels it if it is to be, and waits for its end and its mails. */
async function act(mesh: TestMesh, recording: Recording, request: PlaceOrderRequest, { isCancelled }: Scenario) {
  const shop = shopOf(mesh.runtime);
  const shipment = isCancelled ? recording.pauseBefore('order', 'run:create-shipment') : undefined;
  const { id } = await shop.orders.placeOrder(request, patiently());
  recording.answered(id);
  if (shipment) {
    await shipment.reached;
    await shop.orders.cancelOrder({ requestId: randomUUID(), id }, patiently());
    recording.answered('cancelled');
    shipment.resume();
  }
  const order = (await watchToEnd(shop.orders, id)).at(-1) as Order;
  await invariants.expectNotifiedOnce(shop, mesh.dataDir, [order]);
  await expectEvents(mesh, shop, order);
}

/** Repeats the request, as a caller does that got no answer, and checks all invariants at the end. */
async function check(
  mesh: TestMesh,
  answers: ReadonlySet<string>,
  request: PlaceOrderRequest,
  { ends, reason }: Scenario,
): Promise<void> {
  const shop = shopOf(mesh.runtime);
  const { id } = await shop.orders.placeOrder(request, patiently());
  const order = (await watchToEnd(shop.orders, id)).at(-1) as Order;
  expect([id, 'cancelled']).toEqual(expect.arrayContaining([...answers]));
  expect(await Array.fromAsync(shop.orders.listOrders({}))).toHaveLength(1);
  expect(answers.has('cancelled') ? ends.slice(0, 1) : ends).toContain(order.state);
  if (order.state !== OrderState.ORDER_STATE_COMPLETED) expect(order.failure).toMatchObject({ reason });
  await invariants.expectPaidOnce(shop, [order]);
  await invariants.expectShippedOnce({ liveShipments: () => liveShipmentsIn(mesh.dataDir) }, [order]);
  await invariants.expectNotifiedOnce(shop, mesh.dataDir, [order], { wasKilled: true });
  await invariants.expectConserved(shop, [order]);
  await invariants.expectNothingStuck(shop);
  await expectEvents(mesh, shop, order);
}

async function expectEvents(mesh: TestMesh, shop: Shop, order: Order): Promise<void> {
  const due = new Map(await invariants.countExpectedEvents(shop, [order]));
  const shipment = `shipping.events/${order.id}`;
  const isCancelled = order.state === OrderState.ORDER_STATE_CANCELLED;
  if (isCancelled) due.delete(shipment);
  await eventually(async () => {
    const history = await historyOf(mesh.runtime.events);
    invariants.expectHistory(history, due);
    // A shipment that was cancelled before it was booked has one event only.
    if (isCancelled) expect([1, 2]).toContain(history.get(shipment)?.length);
  });
}
