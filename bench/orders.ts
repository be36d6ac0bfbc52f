import { OrderState } from '#gen/order/v1/order.ts';
import type { Shop } from '../test/support/shop.ts';
import { atLeast, atMost, type Benchmark } from './figure.ts';
import { atOnce } from './support/at-once.ts';
import { countFindings } from './support/audit.ts';
import { dataFolder } from './support/data-folder.ts';
import { startServer } from './support/server.ts';
import { openShop, orderOf } from './support/shop.ts';

const warmUpOrders = 500;
const orders = 2_000;
const callsAtOnce = 64;

/**
 * Orders from PlaceOrder to COMPLETED, every service in one process and every step of the saga on the disk, and what an audit
 * finds of them. `BENCH_DATA_DIR` names a folder that they are to stay in.
 */
export const benchOrders: Benchmark = async () => {
  await using folder = await dataFolder(process.env.BENCH_DATA_DIR);
  await using mesh = await startServer({ dataDir: folder.path });
  const shop = await openShop(mesh);
  await complete(shop, warmUpOrders);
  const [begunMs, cpuSeconds] = [performance.now(), mesh.cpuSeconds()];
  await complete(shop, orders);
  const rate = orders / ((performance.now() - begunMs) / 1_000);
  const cpuRate = orders / (mesh.cpuSeconds() - cpuSeconds);
  return [
    atLeast('orders completed', rate, 200, '/s'),
    atLeast('  and for each second of processor time', cpuRate, 200, '/s'),
    atMost('  findings of an audit after them', await countFindings(mesh), 0, ''),
  ];
};

async function complete({ orders }: Shop, count: number): Promise<void> {
  const placed = await atOnce(count, callsAtOnce, (index) => orders.placeOrder(orderOf(index)));
  const states = await atOnce(count, callsAtOnce, async (index) => {
    let last: OrderState | undefined;
    for await (const { state } of orders.watchOrder({ id: placed[index]?.id ?? '' })) last = state;
    return last;
  });
  const completed = states.filter((state) => state === OrderState.ORDER_STATE_COMPLETED).length;
  if (completed !== count) throw new Error(`${completed} of ${count} orders were completed`);
}
