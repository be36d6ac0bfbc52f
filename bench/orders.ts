import { OrderState } from '#gen/order/v1/order.ts';
import type { Shop } from '../test/support/shop.ts';
import { atLeast, atMost, type Benchmark } from './figure.ts';
import { countFindings } from './support/audit.ts';
import { runConcurrently } from './support/concurrency.ts';
import { dataFolder } from './support/data-folder.ts';
import { startServer } from './support/server.ts';
import { openShop, orderOf } from './support/shop.ts';

const warmUpOrders = 500;
const orders = 2_000;
const concurrentCalls = 64;

/**
 * Orders from PlaceOrder to COMPLETED, with all services in one process and every saga step durable, and an audit of them.
 * Set `BENCH_DATA_DIR` to a new folder to keep the data.
 */
export const benchOrders: Benchmark = async () => {
  await using folder = await dataFolder(process.env.BENCH_DATA_DIR);
  await using mesh = await startServer({ dataDir: folder.path });
  const shop = await openShop(mesh);
  await completeOrders(shop, warmUpOrders);
  const [startMs, cpuSeconds] = [performance.now(), mesh.cpuSeconds()];
  await completeOrders(shop, orders);
  const rate = orders / ((performance.now() - startMs) / 1_000);
  const cpuRate = orders / (mesh.cpuSeconds() - cpuSeconds);
  return [
    atLeast('orders completed', rate, 200, '/s'),
    atLeast('  and for each second of processor time', cpuRate, 200, '/s'),
    atMost('  findings of an audit after them', await countFindings(mesh), 0, ''),
  ];
};

/** Places orders and waits until all are COMPLETED. */
export async function completeOrders(
  { orders }: Shop,
  count: number,
  callers = concurrentCalls,
  order = orderOf,
): Promise<void> {
  const placed = await runConcurrently(count, callers, (index) => orders.placeOrder(order(index)));
  const states = await runConcurrently(count, callers, async (index) => {
    let last: OrderState | undefined;
    for await (const { state } of orders.watchOrder({ id: placed[index]?.id ?? '' })) last = state;
    return last;
  });
  const completed = states.filter((state) => state === OrderState.ORDER_STATE_COMPLETED).length;
  if (completed !== count) throw new Error(`only ${completed} of ${count} orders completed`);
}
