import { GetUserRequest } from '#gen/user/v1/user.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { type Benchmark, compared } from './figure.ts';
import { h2load } from './support/h2load.ts';
import { compareRates } from './support/rates.ts';
import { type LoadedServer, startServer } from './support/server.ts';
import { userOf } from './support/user-of.ts';
import { importUsers, startPeer } from './support/users.ts';

const users = 1_000;
const calls = 20_000;

/** GetUser through the whole server chain, from SQLite, next to grpc-js that answers from a Map. */
export const benchGetUser: Benchmark = async () => {
  await using folder = await tempFolder();
  await using mesh = await startServer({ dataDir: folder.path });
  await importUsers(mesh, users);
  await using peer = await startPeer(users);
  const { ours, peers } = await compareRates([mesh, peer], getUsers);
  return [compared('GetUser, calls/s of one core', ours, peers, 0.7)];
};

async function getUsers({ address }: LoadedServer): Promise<number> {
  const request = GetUserRequest.encode({ id: userOf(users / 2).id }).finish();
  await h2load({ address, path: '/user.v1.UserService/GetUser', request, calls, connections: 4, concurrentCalls: 32 });
  return calls;
}
