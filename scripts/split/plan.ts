import { join } from 'node:path';

/** A process of a split mesh: one instance of one service. */
export interface PlannedProcess {
  /** `order-1`. */
  readonly name: string;
  readonly service: string;
  /** `host:port` where it listens. All gateways have the same. */
  readonly address: string;
  /** Its settings, in addition to those of the supervisor. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * The settings that differ while it runs next to the process that it replaces. Missing if callers would not find it at another
   * address.
   */
  readonly successor?: Readonly<Record<string, string>>;
}

/** The URLs of the servers that all processes share. */
export interface ServerUrls {
  /** With `<service>`. */
  readonly database: string;
  readonly events: string;
  readonly tasks: string;
}

/** How many instances a service has. */
export type Replicas = (service: string) => number;

export interface PlanOptions {
  /** The names of the services, without the gateway. */
  readonly services: readonly string[];
  /** The service that is the gateway, if there is one. */
  readonly gateway?: string;
  /** `host:port` of the gateway. */
  readonly gatewayAddress: string;
  /** `host:port` of its HTTP listener, or `off`. */
  readonly gatewayHttp: string;
  readonly replicas: Replicas;
  /** The folder for the data folders of the processes. */
  readonly dataDir: string;
  readonly servers: ServerUrls;
  /** Settings that hold for all processes. They win over the defaults of the plan. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Further settings of the processes of a service, such as its certificate. Default: none. */
  readonly settingsOf?: (service: string) => Readonly<Record<string, string>>;
  /** Ports that others use. */
  readonly takenPorts?: ReadonlySet<number>;
}

/** Below the ports that Linux chooses for outgoing connections: one of those could be in use when a process starts again. */
const firstPort = 21_000;
const portsPerService = 10;
const metricsOffset = 1_000;
const successorOffset = 500;

/** `DATABASE_POOL_SIZE` unless it is set: two of everything fit the 100 connections of PostgreSQL's default. */
export const defaultPoolSize = 3;

/** One digit, so the ports of a service stay together. */
const maxReplicas = portsPerService;

/** The names in `DISCOVERY_URL` are packages of contracts. For all other services both names are equal. */
const packages: Readonly<Record<string, string>> = { bridge: 'events' };

/** The name of a service in `DISCOVERY_URL`, in a registry and in `make status`. */
export function discoveryNameOf(service: string): string {
  return packages[service] ?? service;
}

/**
 * Plans the processes of a mesh: their names, ports, data folders and settings. A service keeps its ports from start to start
 * unless others use them.
 */
export function planMesh(options: PlanOptions): readonly PlannedProcess[] {
  const {
    services,
    gateway,
    gatewayAddress,
    gatewayHttp,
    replicas,
    dataDir,
    servers,
    environment = {},
    settingsOf,
  } = options;
  const ports = createPorts(options.takenPorts ?? new Set());
  const names = [...services, ...(gateway === undefined ? [] : [gateway])];
  const instances = names.flatMap((service, index) =>
    Array.from({ length: replicas(service) }, (_, replica) => {
      const port = ports.take(firstPort + portsPerService * index + replica);
      return { service, name: `${service}-${replica + 1}`, port, nextPort: ports.take(port + successorOffset) };
    }),
  );
  const callable = instances.filter(({ service }) => service !== gateway);
  const shared = {
    DATABASE_URL: servers.database,
    EVENTS_URL: servers.events,
    TASKS_URL: servers.tasks,
    MAIL_URL: environment.MAIL_URL || `file:${join(dataDir, 'mail')}`,
    DATABASE_POOL_SIZE: environment.DATABASE_POOL_SIZE || String(defaultPoolSize),
  };
  // Processes enter their address there, so callers find a new one.
  const registers = /^(consul|eureka)(\+https)?:/.test(environment.DISCOVERY_URL ?? '');
  return instances.map(({ service, name, port, nextPort }) => {
    const address = service === gateway ? gatewayAddress : `127.0.0.1:${port}`;
    // A process calls its own service inside. Only ops asks all others what they have.
    const others =
      service === 'ops'
        ? instances.filter((instance) => instance.name !== name)
        : callable.filter((instance) => instance.service !== service);
    return {
      name,
      service,
      address,
      environment: {
        ...shared,
        ...settingsOf?.(service),
        DISCOVERY_URL: environment.DISCOVERY_URL || discoveryUrl(others),
        GRPC_LISTEN: address,
        // All gateways are at one address, which forwards. Only they have the edge.
        HTTP_LISTEN: service === gateway ? gatewayHttp : 'off',
        ...(service === gateway && { OPS_LISTEN: `127.0.0.1:${port}` }),
        METRICS_LISTEN: `127.0.0.1:${port + metricsOffset}`,
        DATA_DIR: join(dataDir, 'split', name),
      },
      ...(registers &&
        service !== gateway && {
          successor: {
            GRPC_LISTEN: `127.0.0.1:${nextPort}`,
            METRICS_LISTEN: `127.0.0.1:${nextPort + metricsOffset}`,
          },
        }),
    };
  });
}

/** The fixed addresses of all instances. */
function discoveryUrl(instances: readonly { readonly service: string; readonly port: number }[]): string {
  const byService = Map.groupBy(instances, ({ service }) => discoveryNameOf(service));
  const entries = [...byService].map(
    ([name, found]) => `${name}=${found.map(({ port }) => `127.0.0.1:${port}`).join('+')}`,
  );
  return `static:${entries.join(',')}`;
}

/** Returns each port once, with its port for metrics. */
function createPorts(taken: ReadonlySet<number>) {
  const used = new Set(taken);
  return {
    take(preferred: number): number {
      let port = preferred;
      while (used.has(port) || used.has(port + metricsOffset)) port += 1;
      used.add(port).add(port + metricsOffset);
      return port;
    },
  };
}

/** What ends first: what makes calls ends before what answers them. A service that is in no wave ends in the last. */
const drainWaves: readonly (readonly string[])[] = [
  ['gateway'],
  ['ops', 'report', 'notification', 'bridge'],
  ['order'],
];

/** Groups processes in the order in which they end. The processes of a wave end together. */
export function inDrainOrder<P extends Pick<PlannedProcess, 'service'>>(processes: readonly P[]): readonly P[][] {
  const waveOf = ({ service }: P) => {
    const wave = drainWaves.findIndex((services) => services.includes(service));
    return wave < 0 ? drainWaves.length : wave;
  };
  const waves = Map.groupBy(processes, waveOf);
  return [...waves].toSorted(([a], [b]) => a - b).map(([, found]) => found);
}

/**
 * Reads `REPLICAS`: `2` for all services, or `1,order=2,payment=2` with the number of others first. Returns what is wrong with
 * it as text.
 */
export function parseReplicas(text: string, services: readonly string[]): Replicas | string {
  const [first = '', ...entries] = text.split(',');
  const counts = new Map<string, number>();
  const problem = `invalid REPLICAS "${text}": use a number from 1 to ${maxReplicas}, or 1,order=2,payment=2`;
  const all = parseCount(first);
  if (all === undefined) return problem;
  for (const entry of entries) {
    const [, service = '', number = ''] = /^([a-z-]+)=(\d+)$/.exec(entry) ?? [];
    const count = parseCount(number);
    if (count === undefined || counts.has(service)) return problem;
    if (!services.includes(service)) return `REPLICAS has ${service}, which is no service: use ${services.join(', ')}`;
    counts.set(service, count);
  }
  return (service) => counts.get(service) ?? all;
}

function parseCount(text: string): number | undefined {
  const count = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= maxReplicas ? count : undefined;
}
