import { UserServiceContract } from '../../../gen/ts/user/v1/user.contract.ts';
import type { UserServiceDefinition } from '../../../gen/ts/user/v1/user.ts';
import type { Balancer } from '../../../mesh/balancing/balancer.ts';
import { createEndpoints } from '../../../mesh/balancing/endpoints.ts';
import {
  type ClientFactory,
  type ClientOptions,
  createClientFactory,
  type MeshClient,
} from '../../../mesh/client/client-factory.ts';
import type { BalancingPolicy } from '../../../mesh/config/process-settings.ts';
import { createStaticDiscovery } from '../../../mesh/discovery/static/static-discovery.ts';
import { type CapturedLog, captureLog } from '../../../mesh/testing/captured-log.ts';
import { engineOfRun } from '../../../mesh/testing/engine-of-run.ts';
import { type StartedProcess, startProcess } from '../../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { systemClock } from '../../../mesh/time/clock.ts';

/** A process with the user service and a database of its own that has the user `ada`. */
export interface UserInstance extends AsyncDisposable {
  /** The running process. */
  process: StartedProcess;
  readonly port: number;
  /** Starts it again at the same address, after it has ended. */
  restart(): Promise<void>;
}

/** `others`: services that run in the same process. */
export async function startUserInstance(...others: readonly string[]): Promise<UserInstance> {
  const folder = await tempFolder();
  const start = (listen: string) =>
    startProcess({ dataDir: folder.path, args: ['user', ...others], environment: { GRPC_LISTEN: listen } });
  const first = await start('127.0.0.1:0');
  await first.client(UserServiceContract).createUser({ user: { id: 'ada', name: 'Ada', email: 'ada@example.com' } });
  const instance: UserInstance = {
    process: first,
    port: Number(first.address.split(':')[1]),
    async restart() {
      instance.process = await start(first.address);
    },
    async [Symbol.asyncDispose]() {
      await instance.process[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
  return instance;
}

/** Clients of services with several instances, as a service has them. */
export interface BalancedServices extends Pick<ClientFactory, 'client'>, Disposable {
  /** The balancer of a service: `user`. */
  of(service: string): Balancer;
  readonly log: CapturedLog;
}

/** `ports`: of the instances of each service. */
export function balanceServices(
  ports: Readonly<Record<string, readonly number[]>>,
  policy?: BalancingPolicy,
): BalancedServices {
  const log = captureLog();
  const shared = { clock: systemClock, logger: log.logger };
  const addresses = Object.entries(ports).map(([name, its]) => [name, its.map((port) => `127.0.0.1:${port}`)] as const);
  const discovery = createStaticDiscovery(new Map(addresses));
  const endpoints = createEndpoints({ engine: engineOfRun, discovery, policy, ...shared });
  const factory = createClientFactory({
    endpoints: {
      found: () => undefined,
      pick(contract, tried, isStream) {
        const picked = endpoints.of(contract.split('.')[0] ?? '').pick(tried, contract, isStream);
        if (!picked) throw new Error('no endpoint');
        return picked;
      },
      close: () => undefined,
    },
    ...shared,
  });
  return {
    of: (service) => endpoints.of(service),
    log,
    client: factory.client,
    [Symbol.dispose]() {
      factory.close();
      endpoints.close();
    },
  };
}

/** A client of the instances of the user service at some ports. */
export interface BalancedUsers extends Disposable {
  readonly balancer: Balancer;
  readonly log: CapturedLog;
  client(options?: ClientOptions<UserServiceDefinition>): MeshClient<UserServiceDefinition>;
  /** How many calls the instance at a port got so far. */
  picks(port: number): number;
}

export function balanceUsers(ports: readonly number[], policy?: BalancingPolicy): BalancedUsers {
  const services = balanceServices({ user: ports }, policy);
  const balancer = services.of('user');
  return {
    balancer,
    log: services.log,
    client: (options) => services.client(UserServiceContract, options),
    picks: (port) => balancer.instances().find(({ address }) => address === `127.0.0.1:${port}`)?.picks ?? 0,
    [Symbol.dispose]: services[Symbol.dispose],
  };
}

/** Calls that begin at a fixed rate, whether or not earlier ones have ended. */
export interface SteadyCalls {
  readonly begun: number;
  /** When each failed call began, in milliseconds since the first, and its error. */
  readonly failed: readonly { readonly atMs: number; readonly error: unknown }[];
  /** The latency of the slowest call that has ended since this was last read, in milliseconds. */
  slowestMs(): number;
  /** Begins no more calls, and resolves when all have ended. */
  stop(): Promise<void>;
}

export function callSteadily(perSecond: number, call: () => Promise<unknown>): SteadyCalls {
  const startMs = performance.now();
  const open = new Set<Promise<void>>();
  const failed: { readonly atMs: number; readonly error: unknown }[] = [];
  let begun = 0;
  let slowestMs = 0;
  const begin = async () => {
    const beganMs = performance.now();
    try {
      await call();
    } catch (error) {
      failed.push({ atMs: beganMs - startMs, error });
    }
    slowestMs = Math.max(slowestMs, performance.now() - beganMs);
  };
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - startMs) / 1_000) * perSecond);
    // After a pause of this process, what is due is not made up for in one burst.
    for (let calls = Math.min(due - begun, perSecond / 20); calls > 0; calls -= 1) {
      const ended = begin().finally(() => open.delete(ended));
      open.add(ended);
    }
    begun = due;
  }, 10);
  return {
    get begun() {
      return begun;
    },
    failed,
    slowestMs() {
      const slowest = slowestMs;
      slowestMs = 0;
      return slowest;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
    },
  };
}
