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

/** ListUsers from SQLite next to grpc-js that streams the same messages from memory, and the cost of slow readers. */
export const benchListUsers: Benchmark = async () => {
  await using folder = await tempFolder();
  const { ours, peers } = await compareLists(folder.path);
  // A new server: memory that it took for other work would hide what slow readers add.
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
  await h2load({ address, path, request: new Uint8Array(), calls: 1, connections: 1, concurrentCalls: 1 });
  return users;
}

/** The maximum growth of the server's memory while its readers stop reading. */
async function growthBySlowReaders(server: LoadedServer): Promise<number> {
  const before = server.residentMb();
  const session = connect(`http://${server.address}`);
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const started = Array.from({ length: slowReaders }, async () => {
    const stream = session.request(headers).end(Buffer.alloc(5));
    await once(stream, 'readable');
  });
  await Promise.all(started);
  let maxMb = before;
  for (const end = performance.now() + slowReadingMs; performance.now() < end; await delay(100)) {
    maxMb = Math.max(maxMb, server.residentMb());
  }
  session.destroy();
  return maxMb - before;
}
