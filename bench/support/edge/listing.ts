import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { atMost, type Figure, versusPeer } from '../../figure.ts';
import { h2load } from '../h2load.ts';
import { median } from '../rates.ts';
import type { LoadedServer } from '../server.ts';

const users = 100_000;
const rounds = 4;
const slowReaders = 20;
const slowReadingMs = 5_000;
const sampleMs = 20;

/** What a listing of all users as JSON lines costs, and the memory that it takes. */
export async function listingFigures(mesh: LoadedServer): Promise<Figure[]> {
  // The first ones warm up.
  await byGrpc(mesh);
  await listUsers(mesh);
  const rates: number[] = [];
  const growth = await maxGrowth(mesh, async () => {
    for (let round = 0; round < rounds; round += 1) rates.push(await rateOf(mesh, listUsers));
  });
  const grpcRates: number[] = [];
  for (let round = 0; round < rounds; round += 1) grpcRates.push(await rateOf(mesh, byGrpc));
  return [
    versusPeer('list of 100,000 users as JSON lines, users/s of one core, vs gRPC', median(rates), median(grpcRates)),
    atMost(`  memory that ${rounds} more lists add`, growth, 64, 'MB'),
    atMost(`  memory that ${slowReaders} slow readers add`, await growthBySlowReaders(mesh), 64, 'MB'),
  ];
}

async function rateOf(mesh: LoadedServer, list: (mesh: LoadedServer) => Promise<void>): Promise<number> {
  const startSeconds = mesh.cpuSeconds();
  await list(mesh);
  return users / (mesh.cpuSeconds() - startSeconds);
}

async function byGrpc({ address }: LoadedServer): Promise<void> {
  const path = '/user.v1.UserService/ListUsers';
  await h2load({ address, path, request: new Uint8Array(), calls: 1, connections: 1, concurrentCalls: 1 });
}

async function listUsers(mesh: LoadedServer): Promise<void> {
  const answer = await openList(mesh);
  let lines = 0;
  for await (const chunk of answer) {
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, at + 1)) lines += 1;
  }
  if (lines !== users) throw new Error(`${lines} lines of ${users}`);
}

/** The maximum growth of the server's memory while its readers do not read. */
async function growthBySlowReaders(mesh: LoadedServer): Promise<number> {
  return await maxGrowth(mesh, async () => {
    const answers = await Promise.all(Array.from({ length: slowReaders }, () => openList(mesh)));
    await delay(slowReadingMs);
    for (const answer of answers) answer.destroy();
  });
}

async function openList({ httpAddress }: LoadedServer): Promise<IncomingMessage> {
  const headers = { accept: 'application/x-ndjson' };
  const [answer] = await once(get(`http://${httpAddress}/api/users`, { headers, agent: false }), 'response');
  if (answer.statusCode !== 200) throw new Error(`the list was answered with ${answer.statusCode}`);
  return answer;
}

/** How much more memory than before the server has at most during `work`. */
async function maxGrowth(mesh: LoadedServer, work: () => Promise<unknown>): Promise<number> {
  const beforeMb = mesh.residentMb();
  let isOver = false;
  const working = work().finally(() => {
    isOver = true;
  });
  let maxMb = beforeMb;
  for (; !isOver; await delay(sampleMs)) maxMb = Math.max(maxMb, mesh.residentMb());
  await working;
  return maxMb - beforeMb;
}
