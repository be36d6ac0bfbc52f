import { once } from 'node:events';
import { connect } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { atMost, type Benchmark, compared } from './figure.ts';
import { h2load } from './support/h2load.ts';
import { compareRates } from './support/rates.ts';
import { type LoadedServer, startServer } from './support/server.ts';
import { importUsers, startPeer } from './support/users.ts';

const users = 100_000;
const path = '/user.v1.UserService/ListUsers';
const slowReaders = 20;
const slowReadingMs = 5_000;

/** ListUsers from SQLite beside grpc-js that streams the same messages from memory, and what slow readers cost. */
export const benchListUsers: Benchmark = async () => {
  await using folder = await tempFolder();
  const { ours, peers } = await compareLists(folder.path);
  // A server that has done nothing yet, so that what it takes is not hidden by what it had for other work.
  await using mesh = await startServer({ dataDir: folder.path });
  return [
    compared('ListUsers of 100,000, messages/s of one core', ours, peers, 0.6),
    atMost(`  memory that ${slowReaders} slow readers add`, await growthBySlowReaders(mesh), 64, 'MB'),
  ];
};

async function compareLists(dataDir: string) {
  await using mesh = await startServer({ dataDir });
  await importUsers(mesh, users);
  await using peer = await startPeer(users);
  return await compareRates([mesh, peer], listUsers);
}

async function listUsers({ address }: LoadedServer): Promise<number> {
  await h2load({ address, path, request: new Uint8Array(), calls: 1, connections: 1, callsAtOnce: 1 });
  return users;
}

/** The most memory that the server takes while nobody reads on, beyond what it had. */
async function growthBySlowReaders(server: LoadedServer): Promise<number> {
  const before = server.residentMb();
  const session = connect(`http://${server.address}`);
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const begun = Array.from({ length: slowReaders }, async () => {
    const stream = session.request(headers).end(Buffer.alloc(5));
    await once(stream, 'readable');
  });
  await Promise.all(begun);
  let most = before;
  for (const end = performance.now() + slowReadingMs; performance.now() < end; await delay(100)) {
    most = Math.max(most, server.residentMb());
  }
  session.destroy();
  return most - before;
}
