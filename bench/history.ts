import { OrderState } from '#gen/order/v1/order.ts';
import { GetUserRequest } from '#gen/user/v1/user.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { type Shop, shopOf } from '../test/support/shop.ts';
import { type Benchmark, compared } from './figure.ts';
import { latencyFigures } from './support/call-latency.ts';
import { runConcurrently } from './support/concurrency.ts';
import { h2load } from './support/h2load.ts';
import { createDatabases, fillHistory, projected } from './support/history.ts';
import { completeOrders } from './support/orders/order-rate.ts';
import { compareRates } from './support/rates.ts';
import { type LoadedServer, startServer } from './support/server.ts';
import { openShop } from './support/shop.ts';
import { userOf } from './support/user-of.ts';
import { importUsers } from './support/users.ts';

const history = { users: 1_000_000, orders: 100_000, accounts: 100_000 };
const fewUsers = 1_000;
const getCalls = 10_000;
const listCalls = 300;
const ordersPerRound = 100;
const concurrentCalls = 32;
/** The share of the rate of an empty mesh that a call has to keep. */
const minRatio = 0.7;

/** The main calls of a mesh with 1,000,000 users and 100,000 orders, next to a mesh that is almost empty. */
export const benchHistory: Benchmark = async () => {
  await using folder = await tempFolder();
  await using emptyFolder = await tempFolder();
  await createDatabases(folder.path);
  await fillHistory(folder.path, history);
  await using mesh = await startServer({ dataDir: folder.path, environment: { AUDIT_INTERVAL_MS: '0' } });
  await projected(mesh);
  await using peer = await startServer({ dataDir: emptyFolder.path });
  await importUsers(peer, fewUsers);
  const shops = new Map<LoadedServer, Shop>([
    [mesh, await openShop(mesh)],
    [peer, await openShop(peer)],
  ]);
  const shopAt = (server: LoadedServer) => shops.get(server) ?? shopOf(server);
  const rates = async (name: string, load: (server: LoadedServer) => Promise<number>) => {
    const { ours, peers } = await compareRates([mesh, peer], load);
    return compared(name, ours, peers, minRatio);
  };
  return [
    await rates('GetUser at 1 M users and 100 k orders, calls/s of one core', getUsers),
    await rates('  orders completed/s', async (server) => {
      await completeOrders(shopAt(server), ordersPerRound);
      return ordersPerRound;
    }),
    await rates('  ListOrders of a user, calls/s', (server) => listOrders(shopAt(server), {})),
    await rates('  ListOrders of a user in a state, calls/s', (server) =>
      listOrders(shopAt(server), { state: OrderState.ORDER_STATE_COMPLETED }),
    ),
    ...(await latencyFigures(mesh, userOf(fewUsers / 2).id)),
  ];
};

async function getUsers({ address }: LoadedServer): Promise<number> {
  const request = GetUserRequest.encode({ id: userOf(fewUsers / 2).id }).finish();
  const load = { calls: getCalls, connections: 4, concurrentCalls };
  await h2load({ address, path: '/user.v1.UserService/GetUser', request, ...load });
  return getCalls;
}

/** The shops of both meshes have completed the same orders of this user. */
async function listOrders({ orders }: Shop, filter: { readonly state?: OrderState }): Promise<number> {
  const request = { userId: 'user-0', ...filter };
  await runConcurrently(listCalls, concurrentCalls, () => Array.fromAsync(orders.listOrders(request)));
  return listCalls;
}
