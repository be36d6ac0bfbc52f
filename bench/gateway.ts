import { GetUserRequest } from '#gen/user/v1/user.ts';
import { haproxy } from '../mesh/testing/servers/haproxy.ts';
import { nginx } from '../mesh/testing/servers/nginx.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { exampleProxies, startExample } from '../test/polyglot/support/example-proxies.ts';
import { atLeast, atMost, type Benchmark, type Figure } from './figure.ts';
import { h2load } from './support/h2load.ts';
import { listenerOf } from './support/listener-of.ts';
import { median } from './support/rates.ts';
import { cpuSecondsOf, loadCore, pin, serverCore, startServer } from './support/server.ts';
import { userOf } from './support/user-of.ts';

const users = 1_000;
const calls = 20_000;
const listedUsers = 100_000;
const lists = 4;
const rounds = 5;

/** A process through which calls go, alone on the first core. */
interface Passage {
  readonly name: string;
  readonly address: string;
  readonly pid: number;
}

/** What a call, and a message of a stream, costs on the way through the gateway, next to proxies of the same server. */
export const benchGateway: Benchmark = async () => {
  await using stack = new AsyncDisposableStack();
  const behind = async (count: number) => {
    const environment = { BENCH_USERS: String(count) };
    const server = await startServer({ dataDir: '', main: 'bench/peers/native-users.ts', environment });
    stack.use(server);
    pin(server.child.pid ?? Number.NaN, loadCore);
    return { name: 'the server', address: server.address, pid: server.child.pid ?? Number.NaN };
  };
  const calledServer = await behind(users);
  const calledPassages = await startPassages(calledServer, stack);
  const callCosts = await costs(calledPassages, getUsers);
  const listedServer = await behind(listedUsers);
  const messageCosts = await costs(await startPassages(listedServer, stack), listUsers);
  return [...callFigures(callCosts), ...messageFigures(messageCosts)];
};

async function startPassages(behind: Passage, stack: AsyncDisposableStack): Promise<Passage[]> {
  const folder = stack.use(await tempFolder());
  const gateway = await startServer({
    dataDir: folder.path,
    args: ['gateway'],
    environment: { DISCOVERY_URL: `static:user=${behind.address}` },
  });
  stack.use(gateway);
  const passages = [behind, { name: 'gateway', address: gateway.address, pid: gateway.child.pid ?? Number.NaN }];
  for (const example of Object.values(exampleProxies)) {
    if (example.server.version === undefined) continue;
    const proxy = stack.use(await startExample(example, [behind.address], keepConnections));
    const pid = listenerOf(proxy.address);
    pin(pid, serverCore);
    passages.push({ name: example.server.name, address: proxy.address, pid });
  }
  return passages;
}

/** h2load does not connect again when nginx ends its connection after 1,000 calls. */
function keepConnections(config: string): string {
  return config.replace('server {', 'server {\n  keepalive_requests 100000000;');
}

/** The processor time of each passage for one unit of the load, in microseconds: medians of alternating rounds. */
async function costs(passages: readonly Passage[], load: (passage: Passage) => Promise<number>) {
  const found = new Map(passages.map(({ name }) => [name, [] as number[]]));
  // The first round warms up.
  for (let round = 0; round <= rounds; round += 1) {
    for (const passage of passages) {
      const before = cpuSecondsOf(passage.pid);
      const done = await load(passage);
      if (round > 0) found.get(passage.name)?.push(((cpuSecondsOf(passage.pid) - before) * 1_000_000) / done);
    }
  }
  return new Map([...found].map(([name, values]) => [name, median(values)]));
}

async function getUsers({ address }: Passage): Promise<number> {
  const request = GetUserRequest.encode({ id: userOf(users / 2).id }).finish();
  await h2load({ address, path: '/user.v1.UserService/GetUser', request, calls, connections: 4, concurrentCalls: 32 });
  return calls;
}

async function listUsers({ address }: Passage): Promise<number> {
  const path = '/user.v1.UserService/ListUsers';
  await h2load({ address, path, request: new Uint8Array(), calls: lists, connections: 2, concurrentCalls: 2 });
  return lists * listedUsers;
}

function callFigures(costs: ReadonlyMap<string, number>): Figure[] {
  const [ours, direct] = [costOf(costs, 'gateway'), costOf(costs, 'the server')];
  const figures = [
    atMost('a unary call through the gateway, processor time', ours, 60, 'µs'),
    besides('  vs what it costs at the server, without a database', ours, direct, 'µs'),
  ];
  return [...figures, ...proxyFigures(costs, (name, cost) => besides(`  vs ${name}`, ours, cost, 'µs'))];
}

function messageFigures(costs: ReadonlyMap<string, number>): Figure[] {
  const rate = (cost: number) => Math.round(1_000_000 / cost);
  const ours = rate(costOf(costs, 'gateway'));
  const figures = [
    atLeast('stream messages/s of one core through the gateway', ours, 200_000, '/s'),
    besides('  vs what the server sends', ours, rate(costOf(costs, 'the server')), '/s'),
  ];
  return [...figures, ...proxyFigures(costs, (name, cost) => besides(`  vs ${name}`, ours, rate(cost), '/s'))];
}

function proxyFigures(costs: ReadonlyMap<string, number>, toFigure: (name: string, cost: number) => Figure): Figure[] {
  return [haproxy, nginx].flatMap(({ name }) => {
    const cost = costs.get(name);
    return cost === undefined ? [] : [toFigure(name, cost)];
  });
}

/** A value next to that of a peer, without a target. */
function besides(name: string, ours: number, peers: number, unit: string): Figure {
  const shown = (value: number) =>
    `${value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(1)} ${unit}`;
  return { name, value: shown(ours), peer: shown(peers), ratio: ours / peers, target: '', met: true };
}

function costOf(costs: ReadonlyMap<string, number>, name: string): number {
  return costs.get(name) ?? Number.NaN;
}
