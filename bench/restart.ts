import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { OrderState } from '#gen/order/v1/order.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { type Shop, shopOf } from '../test/support/shop.ts';
import { atLeast, atMost, type Benchmark } from './figure.ts';
import { runConcurrently } from './support/concurrency.ts';
import { startServer } from './support/server.ts';
import { openShop, orderOf } from './support/shop.ts';

const sagas = 10_000;
const concurrentCalls = 64;
const probingMs = 10_000;
const probeEveryMs = 20;

/** Kills the mesh with 10,000 unfinished orders, restarts it, and calls GetUser while it resumes them. */
export const benchRestart: Benchmark = async () => {
  await using folder = await tempFolder();
  await leaveSagas(folder.path);
  const startMs = performance.now();
  await using mesh = await startServer({ dataDir: folder.path });
  const readySeconds = (performance.now() - startMs) / 1_000;
  const shop = shopOf(mesh);
  const slowestMs = await slowestProbe(shop);
  const finished = await countCompleted(shop);
  return [
    atMost('restart with 10,000 unfinished sagas until ready', readySeconds, 3, 's'),
    atMost('  slowest GetUser of its first 10 s', slowestMs, 1_000, 'ms'),
    atLeast('  sagas finished meanwhile', finished / (probingMs / 1_000), 50, '/s'),
  ];
};

/** Places orders with a carrier that never responds, so none of them ends, and kills the mesh. */
async function leaveSagas(dataDir: string): Promise<void> {
  const carrier = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(carrier, 'listening');
  const environment = {
    CARRIER_URL: `http://127.0.0.1:${(carrier.address() as AddressInfo).port}/`,
    LOG_LEVEL: 'fatal',
  };
  await using mesh = await startServer({ dataDir, environment });
  const { orders } = await openShop(mesh);
  await runConcurrently(sagas, concurrentCalls, (index) => orders.placeOrder(orderOf(index)));
  await mesh.kill9();
  carrier.closeAllConnections();
  carrier.close();
}

async function slowestProbe({ users }: Shop): Promise<number> {
  let slowestMs = 0;
  for (const end = performance.now() + probingMs; performance.now() < end; await delay(probeEveryMs)) {
    const startMs = performance.now();
    await users.getUser({ id: 'user-0' });
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
  }
  return slowestMs;
}

async function countCompleted({ orders }: Shop): Promise<number> {
  let count = 0;
  for await (const _ of orders.listOrders({ state: OrderState.ORDER_STATE_COMPLETED })) count += 1;
  return count;
}
