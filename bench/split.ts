import { join } from 'node:path';
import { createClients } from '../mesh/app/program-clients.ts';
import { freePort } from '../mesh/testing/servers/free-port.ts';
import { startProcess } from '../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { startSplitMesh } from '../scripts/rolling/split-mesh.ts';
import { startRealServers } from '../test/support/real-servers.ts';
import { type Benchmark, type Figure, versusPeer } from './figure.ts';
import { completeOrders } from './support/orders/order-rate.ts';
import { cpuSecondsOf, loadCore, pin, serverCore } from './support/server.ts';
import { type ClientOwner, openShop, orderOf } from './support/shop.ts';

const warmUpOrders = 50;
const orders = 300;
const concurrentCalls = 16;

/** Without the item that is in every other order: on PostgreSQL its row would be what is measured. */
function orderOfOne(index: number) {
  const order = orderOf(index);
  return { ...order, items: order.items.slice(1) };
}

/** The rate of completed orders, and the processor time of each service in that time, in seconds. */
interface Measured {
  readonly rate: number;
  readonly cpuSeconds: ReadonlyMap<string, number>;
}

/**
 * Orders from PlaceOrder to COMPLETED by a mesh with a process for each service, through the gateway, with the processor time
 * by service. The peer is one process with all services on the same servers. All share both cores with the servers and the load.
 */
export const benchSplit: Benchmark = async () => {
  // Child processes inherit it.
  pin(process.pid, `${serverCore},${loadCore}`);
  try {
    await using servers = await startRealServers();
    const alone = await measureAlone(servers.settings());
    const split = await measureSplit(servers.settings());
    return [
      versusPeer('orders completed by many processes', split.rate, alone.rate),
      versusPeer('  and for each second of processor time', orders / sum(split), orders / sum(alone)),
      ...[...split.cpuSeconds].map(([service, seconds]) => timeOf(service, seconds)),
    ];
  } finally {
    pin(process.pid, loadCore);
  }
};

function timeOf(service: string, seconds: number): Figure {
  const value = `${((seconds * 1_000) / orders).toFixed(2)} ms`;
  return { name: `  processor time of ${service}, for each order`, value, target: '', met: true };
}

function sum({ cpuSeconds }: Measured): number {
  return [...cpuSeconds.values()].reduce((total, seconds) => total + seconds, 0);
}

async function measureAlone(environment: Record<string, string>): Promise<Measured> {
  await using folder = await tempFolder();
  await using mesh = await startProcess({ dataDir: folder.path, environment });
  return await measure(mesh, () => new Map([['all', mesh.child.pid ?? 0]]));
}

async function measureSplit(settings: Record<string, string>): Promise<Measured> {
  await using folder = await tempFolder();
  const environment = {
    ...settings,
    REPLICAS: '1',
    LOG_LEVEL: 'warn',
    HTTP_LISTEN: 'off',
    GRPC_LISTEN: `127.0.0.1:${await freePort()}`,
  };
  const log = join(folder.path, 'log');
  await using mesh = await startSplitMesh({ dataDir: join(folder.path, 'data'), log, environment });
  const clients = await createClients(mesh.address, { logLevel: 'fatal' });
  try {
    return await measure(clients, () => new Map(mesh.processes().map(({ service, pid }) => [service, pid])));
  } finally {
    clients.close();
  }
}

async function measure(mesh: ClientOwner, pids: () => ReadonlyMap<string, number>): Promise<Measured> {
  const shop = await openShop(mesh);
  await completeOrders(shop, warmUpOrders, concurrentCalls, orderOfOne);
  const cpuSeconds = () => new Map([...pids()].map(([service, pid]) => [service, cpuSecondsOf(pid)]));
  const [startMs, before] = [performance.now(), cpuSeconds()];
  await completeOrders(shop, orders, concurrentCalls, orderOfOne);
  const rate = orders / ((performance.now() - startMs) / 1_000);
  const used = [...cpuSeconds()].map(([service, seconds]) => [service, seconds - (before.get(service) ?? 0)] as const);
  return { rate, cpuSeconds: new Map(used.toSorted(([, a], [, b]) => b - a)) };
}
