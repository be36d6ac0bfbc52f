import { Metadata } from 'nice-grpc-common';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { Link } from '../mesh/balancing/link.ts';
import { ServiceBalancer } from '../mesh/balancing/service-balancer.ts';
import type { Transport } from '../mesh/engines/engine.ts';
import { createLogger } from '../mesh/telemetry/logger.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { systemClock } from '../mesh/time/clock.ts';
import { type BalancedUsers, balanceUsers } from '../test/split/support/user-instances.ts';
import { atMost, type Benchmark, compared, type Figure } from './figure.ts';
import { getUserMethod } from './support/engines/methods.ts';
import { median } from './support/rates.ts';
import { type LoadedServer, startServer } from './support/server.ts';
import { keepOnCore, type LimitedBy, limitToShare } from './support/share-of-core.ts';

const picks = 1_000_000;
// Several balancers, each with connections of its own, as several callers have. The calls of one connection move in step: most are
// either at the server or at the client, so with few connections one of them waits for the other.
const callers = 16;
const callsOfEach = 32;
// The speed of a virtual machine changes within seconds, so turns are short and alternate.
const rounds = 12;
const warmUpRounds = 3;
const turnMs = 800;

/** What the choice of an instance costs, and what a second instance is worth. */
export const benchBalancing: Benchmark = async () => {
  const figures = [2, 10].map((instances) =>
    atMost(`choice of one of ${instances} instances, with its report`, microsecondsOfPick(instances), 3, 'µs'),
  );
  await using first = await serveUsers();
  await using second = await serveUsers();
  keepOnCore(first.pid, 0);
  keepOnCore(second.pid, 0);
  keepOnCore(process.pid, 1);
  for (const [share, text] of [
    [0.5, 'half'],
    [0.25, 'a quarter'],
  ] as const)
    figures.push(await worthOfSecond(first, second, share, text));
  return figures;
};

/** What two instances with a share of a core each serve, next to what one of them serves. */
async function worthOfSecond(first: UserServer, second: UserServer, share: number, text: string): Promise<Figure> {
  const limits = [first, second].map(({ pid }) => limitToShare(pid, share));
  try {
    const { ofOne, ofTwo } = await ratesOf(first.server, second.server);
    const [by = 'quota'] = limits.map((limit): LimitedBy => limit.by);
    const limited = by === 'quota' ? '' : ', limited by pauses';
    return compared(`GetUser of two instances with ${text} of a core each, vs one${limited}`, ofTwo, ofOne, 1.8);
  } finally {
    for (const limit of limits) limit.end();
  }
}

/** The processor time of a choice and of the report how its call ended. */
function microsecondsOfPick(instances: number): number {
  const logger = createLogger('silent');
  const clock = systemClock;
  const transport = { close: () => undefined, abort: () => undefined } as Transport;
  const endpoints = Array.from({ length: instances }, (_, index) => ({
    address: `10.0.0.${index}:50051`,
    state: 'ready' as const,
  }));
  const balancer = new ServiceBalancer({
    service: 'user',
    discovery: {
      scheme: 'static',
      watch(_, changed) {
        changed({ endpoints });
        return () => undefined;
      },
      refresh: () => undefined,
    },
    links: {
      take: (address) => new Link({ address, connect: () => transport, clock }),
      release: () => undefined,
    },
    policy: 'least-load',
    clock,
    logger,
  });
  const time = () => {
    const before = process.cpuUsage();
    for (let call = 0; call < picks; call++) balancer.pick()?.end('answered', 1 + (call % 3));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / picks;
  };
  time();
  const microseconds = time();
  balancer.close();
  return microseconds;
}

interface UserServer extends AsyncDisposable {
  readonly server: LoadedServer;
  readonly pid: number;
}

async function serveUsers(): Promise<UserServer> {
  const folder = await tempFolder();
  const server = await startServer({ dataDir: folder.path, args: ['user'] });
  await server.client(UserServiceContract).createUser({ user: { id: 'ada', name: 'Ada', email: 'ada@example.com' } });
  const { pid } = server.child;
  if (pid === undefined) throw new Error('the server has no process');
  return {
    server,
    pid,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The rates of one server, on average of both, and of the two together. */
async function ratesOf(first: LoadedServer, second: LoadedServer): Promise<{ ofOne: number; ofTwo: number }> {
  await using stack = new AsyncDisposableStack();
  const usersAt = (...servers: readonly LoadedServer[]) =>
    Array.from({ length: callers }, () =>
      stack.use(balanceUsers(servers.map(({ address }) => Number(address.split(':')[1])))),
    );
  const [one, both, other] = [usersAt(first), usersAt(first, second), usersAt(second)];
  const ones: number[] = [];
  const twos: number[] = [];
  for (let round = -warmUpRounds; round < rounds; round++) {
    const rates = [
      await callsPerSecond(one, 1),
      await callsPerSecond(both, 2),
      await callsPerSecond(other, 1),
    ] as const;
    if (round < 0) continue;
    ones.push((rates[0] + rates[2]) / 2);
    twos.push(rates[1]);
  }
  return { ofOne: median(ones), ofTwo: median(twos) };
}

/**
 * The rate of GetUser in one turn over balancers that each have 32 calls open for each of their servers. Without the policies of a
 * client: with them the client's core, not the servers, limits the rate of two. Even so a call costs a client as much as a server, so
 * at half of a core each the client's core is just enough.
 */
async function callsPerSecond(users: readonly BalancedUsers[], servers: number): Promise<number> {
  const call = { metadata: Metadata(), deadlineMs: undefined, signal: undefined };
  const beganMs = performance.now();
  let calls = 0;
  const callAgain = async ({ balancer }: BalancedUsers) => {
    for (let startMs = beganMs; startMs < beganMs + turnMs; startMs = performance.now()) {
      const picked = balancer.pick(undefined, 'user.v1.UserService');
      await picked?.transport.unary(getUserMethod, { id: 'ada' }, call);
      picked?.end('answered', performance.now() - startMs);
      calls += 1;
    }
  };
  const open = users.flatMap((each) => Array.from({ length: callsOfEach * servers }, () => callAgain(each)));
  await Promise.all(open);
  return (calls * 1_000) / (performance.now() - beganMs);
}
