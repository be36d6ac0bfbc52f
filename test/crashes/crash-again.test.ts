import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Order, OrderState, type PlaceOrderRequest } from '#gen/order/v1/order.ts';
import { type ProcessOptions, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import * as invariants from '../support/invariants.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from '../support/shop.ts';
import { startCarrier } from '../support/test-carrier.ts';

/** Number of responses before the process is killed, by round. */
const responsesUntilDeath = [1, 9, 4, 7, 2];
const ordersInRound = 9;

/** Orders that complete, are refused by the carrier, or cannot be paid. */
const kinds = [
  { order: {}, state: OrderState.ORDER_STATE_COMPLETED },
  { order: { countryCode: 'AQ' }, state: OrderState.ORDER_STATE_FAILED },
  { order: { userId: 'tom' }, state: OrderState.ORDER_STATE_FAILED },
];

it('a mesh that is killed repeatedly under load drives every order to its end, once', async () => {
  await using folder = await tempFolder();
  await using carrier = await startCarrier(folder.path);
  const dataDir = join(folder.path, 'data');
  const options = { dataDir, environment: { CARRIER_URL: carrier.url } };
  await fillAndStop(options);

  const rounds = responsesUntilDeath.map(() =>
    Array.from({ length: ordersInRound }, (_, index) =>
      bookOrder({ quantity: 1, ...kinds[index % kinds.length]?.order }),
    ),
  );
  const accepted: string[] = [];
  for (const [round, requests] of rounds.entries()) {
    accepted.push(...(await placeAndKill(options, requests, responsesUntilDeath[round] ?? 1)));
  }

  await using mesh = await startProcess(options);
  const shop = shopOf(mesh);
  const ends = await Promise.all(
    rounds.flat().map(async (request) => {
      const { id } = await shop.orders.placeOrder(request);
      return (await watchToEnd(shop.orders, id)).at(-1) as Order;
    }),
  );
  expect(ends.map((order) => order.id)).toEqual(expect.arrayContaining(accepted));
  expect(await Array.fromAsync(shop.orders.listOrders({}))).toHaveLength(ends.length);
  for (const [index, order] of ends.entries()) {
    expect(order.state).toBe(kinds[(index % ordersInRound) % kinds.length]?.state);
  }
  await invariants.expectPaidOnce(shop, ends);
  await invariants.expectShippedOnce(carrier, ends);
  await invariants.expectNotifiedOnce(shop, dataDir, ends, { wasKilled: true });
  await invariants.expectConserved(shop, ends);
  await invariants.expectNothingStuck(shop);
  const due = await invariants.countExpectedEvents(shop, ends);
  expect(await mesh.stop()).toEqual({ code: 0, signal: null });
  await invariants.expectEveryEvent(dataDir, due);
}, 120_000);

async function fillAndStop(options: ProcessOptions): Promise<void> {
  await using mesh = await startProcess(options);
  await fillShop(shopOf(mesh));
  expect(await mesh.stop()).toEqual({ code: 0, signal: null });
}

/** Places all orders concurrently and kills the process after `responses` of them. Returns the ids of accepted orders. */
async function placeAndKill(
  options: ProcessOptions,
  requests: readonly PlaceOrderRequest[],
  responses: number,
): Promise<string[]> {
  await using mesh = await startProcess(options);
  const { orders } = shopOf(mesh);
  const enough = Promise.withResolvers<void>();
  const ids: string[] = [];
  const calls = requests.map(async (request) => {
    const { id } = await orders.placeOrder(request);
    if (ids.push(id) === responses) enough.resolve();
  });
  await Promise.race([enough.promise, Promise.allSettled(calls)]);
  await mesh.kill9();
  await Promise.allSettled(calls);
  return ids;
}
