import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { type LoadedServer, startServer } from './server.ts';
import { userOf } from './user-of.ts';

/** Imports users with the indexes 0 to `count - 1`. Throws unless all are imported. */
export async function importUsers({ client }: LoadedServer, count: number): Promise<void> {
  const { imported } = await client(UserServiceContract).importUsers(requests(count));
  if (imported !== BigInt(count)) throw new Error(`only ${imported} of ${count} users were imported`);
}

/** Starts a bare grpc-js server with the same users in memory. */
export function startPeer(users: number): Promise<LoadedServer> {
  const environment = { BENCH_USERS: String(users) };
  return startServer({ dataDir: '', main: 'bench/peers/grpc-js-users.ts', environment });
}

async function* requests(count: number) {
  for (let index = 0; index < count; index += 1) yield { user: userOf(index) };
}
