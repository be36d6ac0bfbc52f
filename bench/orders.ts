import { atLeast, atMost, type Benchmark, type Figure } from './figure.ts';
import { countFindings } from './support/audit.ts';
import { countWork } from './support/counts/count-order.ts';
import { dataFolder } from './support/data-folder.ts';
import {
  measureLatency,
  measureOrders,
  type OrderingMesh,
  type OrderRate,
  openOrderingMesh,
  warmUp,
} from './support/orders/order-rate.ts';
import { comparePeers } from './support/orders/peer-figures.ts';
import { startServer } from './support/server.ts';

const orders = 2_000;
const latencyOrders = 1_500;
const latencyPerSecond = 100;

/**
 * Orders from PlaceOrder until they are COMPLETED, their mails are out and the reports have them, with all services in one process
 * and every step durable; next to other engines of durable workflows, with an audit. Set `BENCH_DATA_DIR` to a new folder to keep
 * the data.
 */
export const benchOrders: Benchmark = async () => {
  await using folder = await dataFolder(process.env.BENCH_DATA_DIR);
  await using server = await startServer({ dataDir: folder.path });
  const mesh = await openOrderingMesh(server, folder.path);
  await warmUp((count) => measureOrders(mesh, count));
  const rate = await measureOrders(mesh, orders);
  const latency = await latencyFigures(mesh, rate);
  const findings = await countFindings(server);
  await server.stop();
  return [
    atLeast('orders completed on one core', rate.perSecond, 1_000, '/s'),
    atMost('  processor time of each', rate.cpuMs, 1, 'ms'),
    ...(await comparePeers(rate)),
    ...latency,
    atMost('  findings of an audit after them', findings, 0, ''),
    ...(await countWork()),
  ];
};

/** How long orders take at a rate that leaves some time free. */
async function latencyFigures(mesh: OrderingMesh, { perSecond }: OrderRate): Promise<Figure[]> {
  const name = `  accepted at ${latencyPerSecond} orders/s, median`;
  if (perSecond < 1.2 * latencyPerSecond) return [{ name, value: 'too many for it', target: '<= 2 ms', met: false }];
  const { accepted, completed } = await measureLatency(mesh, latencyOrders, latencyPerSecond);
  return [
    atMost(name, accepted.p50, 2, 'ms'),
    atMost('  completed, median', completed.p50, 15, 'ms'),
    atMost('    99th percentile', completed.p99, 50, 'ms'),
  ];
}
