import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { Link } from '../mesh/balancing/link.ts';
import { ServiceBalancer } from '../mesh/balancing/service-balancer.ts';
import type { Transport } from '../mesh/engines/engine.ts';
import { createLogger } from '../mesh/telemetry/logger.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { systemClock } from '../mesh/time/clock.ts';
import { balanceUsers } from '../test/split/support/user-instances.ts';
import { atMost, type Benchmark, compared } from './figure.ts';
import { type HalfCoreBy, limitToHalfCore } from './support/half-core.ts';
import { median } from './support/rates.ts';
import { type LoadedServer, startServer } from './support/server.ts';

const picks = 1_000_000;
const concurrentCalls = 64;
const rounds = 3;
const warmUpMs = 1_000;
const measuredMs = 3_000;

/** What the choice of an instance costs, and what a second instance is worth. */
export const benchBalancing: Benchmark = async () => {
  const figures = [2, 10].map((instances) =>
    atMost(`choice of one of ${instances} instances, with its report`, microsecondsOfPick(instances), 3, 'µs'),
  );
  await using first = await serveUsers();
  await using second = await serveUsers();
  const limits = [first, second].map(({ server }) => limitToHalfCore(server.child.pid ?? Number.NaN));
  try {
    const [one, two] = await medianRates([[first.server], [first.server, second.server]]);
    const [by = 'quota'] = limits.map((limit): HalfCoreBy => limit.by);
    const limited = by === 'quota' ? '' : ', limited by pauses';
    return [...figures, compared(`GetUser of two instances of half a core each, vs one${limited}`, two, one, 1.8)];
  } finally {
    for (const limit of limits) limit.end();
  }
};

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

type Servers = readonly LoadedServer[];

interface UserServer extends AsyncDisposable {
  readonly server: LoadedServer;
}

async function serveUsers(): Promise<UserServer> {
  const folder = await tempFolder();
  const server = await startServer({ dataDir: folder.path, args: ['user'] });
  await server.client(UserServiceContract).createUser({ user: { id: 'ada', name: 'Ada', email: 'ada@example.com' } });
  return {
    server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The medians of some rounds, which alternate. */
async function medianRates([one, two]: readonly [Servers, Servers]): Promise<[one: number, two: number]> {
  const rates: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    rates[0].push(await callsPerSecond(one));
    rates[1].push(await callsPerSecond(two));
  }
  return [median(rates[0]), median(rates[1])];
}

/** The rate of GetUser by a client of these servers that always has 64 calls open. */
async function callsPerSecond(servers: Servers): Promise<number> {
  using users = balanceUsers(servers.map(({ address }) => Number(address.split(':')[1])));
  const client = users.client();
  let calls = 0;
  const endMs = performance.now() + warmUpMs + measuredMs;
  const callers = Array.from({ length: concurrentCalls }, async () => {
    while (performance.now() < endMs) {
      await client.getUser({ id: 'ada' });
      calls += 1;
    }
  });
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  const [before, startMs] = [calls, performance.now()];
  await Promise.all(callers);
  return ((calls - before) * 1_000) / (performance.now() - startMs);
}
