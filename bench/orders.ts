import { OrderState } from '../gen/ts/order/v1/order.ts';
import type { Shop } from '../test/support/shop.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import { atLeast, type Benchmark } from './figure.ts';
import { atOnce } from './support/at-once.ts';
import { startServer } from './support/server.ts';
import { openShop, orderOf } from './support/shop.ts';

const warmUpOrders = 500;
const orders = 2_000;
const callsAtOnce = 64;

/** Orders from PlaceOrder to COMPLETED, every service in one process and every step of the saga on the disk. */
export const benchOrders: Benchmark = async () => {
  await using folder = await tempFolder();
  await using mesh = await startServer({ dataDir: folder.path });
  const shop = await openShop(mesh);
  await complete(shop, warmUpOrders);
  const [begunMs, cpuSeconds] = [performance.now(), mesh.cpuSeconds()];
  await complete(shop, orders);
  const cpuRate = orders / (mesh.cpuSeconds() - cpuSeconds);
  return [
    atLeast('orders completed', orders / ((performance.now() - begunMs) / 1_000), 200, '/s'),
    atLeast('  and for each second of processor time', cpuRate, 200, '/s'),
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
