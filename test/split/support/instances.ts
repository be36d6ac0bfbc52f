import { join } from 'node:path';
import { createClients } from '../../../mesh/app/program-clients.ts';
import type { Runtime } from '../../../mesh/app/service/service.ts';
import { engineOfRun } from '../../../mesh/testing/engine-of-run.ts';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import { type ProcessOptions, type StartedProcess, startProcess } from '../../../mesh/testing/servers/start-process.ts';

/** The services with a process of their own, by the names of their contracts' packages. */
const services: Readonly<Record<string, string>> = {
  user: 'user',
  inventory: 'inventory',
  payment: 'payment',
  shipping: 'shipping',
  order: 'order',
  notification: 'notification',
  report: 'report',
  events: 'bridge',
  ops: 'ops',
};

export interface InstancesOptions {
  /** A folder for the data folders of the processes. */
  readonly folder: string;
  /** The settings that they share. */
  readonly environment: Readonly<Record<string, string>>;
  /** How many instances a service has. Default: 2. */
  readonly replicas?: number;
}

/** A process of a service, which can be started again at the same address. */
export interface Instance {
  /** `order-1`. */
  readonly name: string;
  readonly service: string;
  readonly process: StartedProcess;
  start(options?: Pick<ProcessOptions, 'main' | 'environment'>): Promise<StartedProcess>;
}

/** Several instances of each service, all on the same servers. */
export interface Instances extends AsyncDisposable {
  readonly all: readonly Instance[];
  of(name: string): Instance;
  /** Clients of the `replica`th instance of each service, from 1. */
  clients(replica: number): Promise<Pick<Runtime, 'client'>>;
}

/** Plans instances of every service, each in a process of its own, without starting one. */
export async function planInstances({ folder, environment, replicas = 2 }: InstancesOptions): Promise<Instances> {
  const stack = new AsyncDisposableStack();
  const planned: { readonly name: string; readonly pkg: string; readonly service: string; readonly address: string }[] =
    [];
  for (const [pkg, service] of Object.entries(services))
    for (let replica = 1; replica <= replicas; replica += 1)
      planned.push({ pkg, service, name: `${service}-${replica}`, address: `127.0.0.1:${await freePort()}` });
  const byPackage = Map.groupBy(planned, ({ pkg }) => pkg);
  const discovery = [...byPackage].map(([pkg, its]) => `${pkg}=${its.map(({ address }) => address).join('+')}`);
  const instances = planned.map(({ name, service, address }): Instance => {
    let running: StartedProcess | undefined;
    return {
      name,
      service,
      get process() {
        if (!running) throw new Error(`${name} was not started`);
        return running;
      },
      async start(options) {
        running = await startProcess({
          ...options,
          dataDir: join(folder, name),
          args: [service],
          environment: {
            DATABASE_POOL_SIZE: '3',
            MAIL_URL: `file:${join(folder, 'mail')}`,
            ...environment,
            ...options?.environment,
            GRPC_LISTEN: address,
            DISCOVERY_URL: `static:${discovery.join(',')}`,
          },
        });
        return stack.use(running);
      },
    };
  });
  return {
    all: instances,
    of: (name) => instances.find((each) => each.name === name) ?? raise(`no instance ${name}`),
    async clients(replica) {
      const resolve = (contract: string) => {
        const pkg = contract.split('.')[0] ?? '';
        return byPackage.get(pkg)?.[replica - 1]?.address ?? raise(`no instance ${replica} of ${contract}`);
      };
      const factory = await createClients(resolve, { engine: engineOfRun, logLevel: 'fatal' });
      stack.defer(() => factory.close());
      return factory;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function raise(problem: string): never {
  throw new Error(problem);
}
