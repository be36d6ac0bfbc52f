import type { PostgresServer } from '../../../mesh/testing/servers/postgres-server.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { startDatabase } from '../database.ts';
import { cpuSecondsOfTree, startServer } from '../server.ts';
import { startDbos } from './durable-peers.ts';
import { measurePeer } from './http-orders.ts';
import { measureOrders, type OrderRate, openOrderingMesh, warmUp } from './order-rate.ts';

/** The mesh and DBOS, each on a durable PostgreSQL that has the servers' core as well and whose processor time counts. */
export async function measureOnPostgres(callers: number, orders: number): Promise<Record<'mesh' | 'dbos', OrderRate>> {
  return { mesh: await measureMesh(callers, orders), dbos: await measureDbos(callers, orders) };
}

async function measureMesh(callers: number, orders: number): Promise<OrderRate> {
  await using stack = new AsyncDisposableStack();
  const database = await startDatabase(stack);
  const folder = stack.use(await tempFolder());
  const environment = { DATABASE_URL: database.url('<service>') };
  const server = stack.use(await startServer({ dataDir: folder.path, environment }));
  const measured = await withDatabase(server, database);
  const mesh = await openOrderingMesh({ ...server, ...measured }, folder.path);
  await warmUp((count) => measureOrders(mesh, count, callers));
  return await measureOrders(mesh, orders, callers);
}

async function measureDbos(callers: number, orders: number): Promise<OrderRate> {
  await using stack = new AsyncDisposableStack();
  const database = await startDatabase(stack);
  const peer = await startDbos(stack, database.url('dbos'));
  return await measurePeer({ ...peer, ...(await withDatabase(peer, database)) }, orders, callers);
}

/** The processor time of a server and its database. */
async function withDatabase(server: { cpuSeconds(): number }, database: PostgresServer) {
  const pid = await database.mainPid();
  return { cpuSeconds: () => server.cpuSeconds() + cpuSecondsOfTree(pid) };
}
