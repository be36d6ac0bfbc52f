import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { atMost, type Figure, versusPeer } from '../../figure.ts';
import { h2load } from '../h2load.ts';
import { median } from '../rates.ts';
import { type LoadedServer, startServer } from '../server.ts';
import { usedMb } from '../used-memory.ts';
import { importUsers } from '../users.ts';

const users = 100_000;
const rounds = 4;
/** All of them are 140 MB. */
const listsAtOnce = 8;
const slowReaders = 20;
const slowReadingMs = 5_000;
const sampleMs = 20;
const collecting = fileURLToPath(new URL('../../peers/collecting.ts', import.meta.url));

/** What a listing of all users as JSON lines costs, and the memory that it takes. */
export async function listingFigures(): Promise<Figure[]> {
  await using folder = await tempFolder();
  await importAll(folder.path);
  // A new process: memory that was taken for the import would hide what lists take.
  const environment = { HTTP_LISTEN: '127.0.0.1:0', NODE_OPTIONS: `--import ${collecting}` };
  await using mesh = await startServer({ dataDir: folder.path, args: ['user', 'edge'], environment });
  const rate = await compareLists(mesh);
  const beforeMb = await usedMb(mesh);
  const duringMb = await maxResidentMb(mesh, listAtOnce);
  const slowMb = await usedMbOfSlowReaders(mesh);
  const afterMb = await usedMb(mesh);
  return [
    rate,
    atMost(`  memory that ${listsAtOnce} lists at once add at most`, duringMb - beforeMb, 64, 'MB'),
    atMost(`  memory that ${slowReaders} slow readers hold`, slowMb - beforeMb, 64, 'MB'),
    atMost('  memory that all of them leave', afterMb - beforeMb, 32, 'MB'),
  ];
}

async function importAll(dataDir: string): Promise<void> {
  await using mesh = await startServer({ dataDir, args: ['user'] });
  await importUsers(mesh, users);
}

/** In alternating rounds, of which the first warms up. */
async function compareLists(mesh: LoadedServer): Promise<Figure> {
  const rates = { lines: [] as number[], grpc: [] as number[] };
  for (let round = 0; round <= rounds; round += 1) {
    const [lines, grpc] = [await rateOf(mesh, listUsers), await rateOf(mesh, byGrpc)];
    if (round === 0) continue;
    rates.lines.push(lines);
    rates.grpc.push(grpc);
  }
  const name = 'list of 100,000 users as JSON lines, users/s of one core, vs gRPC';
  return versusPeer(name, median(rates.lines), median(rates.grpc));
}

async function listAtOnce(mesh: LoadedServer): Promise<void> {
  await Promise.all(Array.from({ length: listsAtOnce }, () => listUsers(mesh)));
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

/** The memory while readers have stopped after the head of their lists. */
async function usedMbOfSlowReaders(mesh: LoadedServer): Promise<number> {
  const answers = await Promise.all(Array.from({ length: slowReaders }, () => openList(mesh)));
  await delay(slowReadingMs);
  const heldMb = await usedMb(mesh);
  for (const answer of answers) answer.destroy();
  return heldMb;
}

async function openList({ httpAddress }: LoadedServer): Promise<IncomingMessage> {
  const headers = { accept: 'application/x-ndjson' };
  const [answer] = await once(get(`http://${httpAddress}/api/users`, { headers, agent: false }), 'response');
  if (answer.statusCode !== 200) throw new Error(`the list was answered with ${answer.statusCode}`);
  return answer;
}

/** The most memory that the server has during `work`. */
async function maxResidentMb(mesh: LoadedServer, work: (mesh: LoadedServer) => Promise<void>): Promise<number> {
  let isOver = false;
  const working = work(mesh).finally(() => {
    isOver = true;
  });
  let maxMb = 0;
  for (; !isOver; await delay(sampleMs)) maxMb = Math.max(maxMb, mesh.residentMb());
  await working;
  return maxMb;
}
