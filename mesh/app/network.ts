import { type EndpointSource, endpointsByAddress } from '../balancing/endpoint-source.ts';
import { createEndpoints, type OpenEndpoints } from '../balancing/endpoints.ts';
import type { Config } from '../config/config.ts';
import { processSettings } from '../config/process-settings.ts';
import type { Discovery } from '../discovery/discovery.ts';
import { openDiscovery } from '../discovery/open-discovery.ts';
import type { Engine } from '../engines/engine.ts';
import { engineByName } from '../engines/engines.ts';
import { withInProcessCalls } from '../engines/in-process/engine.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ProcessTls } from '../security/tls/process-tls.ts';
import type { ServerTrusts } from '../security/tls/server-trusts.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { createDirectory, type Directory } from './directory.ts';
import { notListening } from './errors.ts';

export interface NetworkOptions {
  readonly config: Config;
  /** `undefined`: connections are not encrypted. */
  readonly tls: ProcessTls | undefined;
  readonly trusts: ServerTrusts;
  /** Whether the process has the edge. */
  readonly hasEdge: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** How a process reaches services: its own, and those of other processes. */
export interface Network {
  readonly engine: Engine;
  readonly discovery: Discovery;
  /** The instances of services in other processes. */
  readonly endpoints: OpenEndpoints;
  readonly directory: Directory;
  /** `host:port` at which this process serves. Until it is set, calls to its own services fail with NOT_LISTENING. */
  address: string | undefined;
  /** Opens a way to this process that no one else uses: callers of a service take turns by it. */
  connectLocal(): EndpointSource;
}

export async function openNetwork(options: NetworkOptions): Promise<Network> {
  const { config, tls, trusts, hasEdge, clock, logger, metrics } = options;
  const engine = withInProcessCalls(await engineByName(config.grpcEngine));
  const keepalive = config.grpcKeepaliveMs === 0 ? undefined : { everyMs: config.grpcKeepaliveMs };
  const discovery = openDiscovery(config.discovery, {
    clock,
    logger,
    metrics,
    trustOf: (file) =>
      trusts.of(file === undefined ? config.discoveryCa : { variable: processSettings.discovery.variable, file }),
  });
  // A caller over HTTP may read slowly: then little of its response is to wait in this process.
  const windowsGrow = !hasEdge;
  const policy = config.balancing;
  const endpoints = createEndpoints({
    engine,
    discovery,
    keepalive,
    windowsGrow,
    tlsOf: tls?.clientOf,
    policy,
    clock,
    logger,
  });
  const localAddress = () => {
    if (network.address === undefined) throw notListening();
    return network.address;
  };
  const peerService = () => (tls?.isMutual ? tls.service : undefined);
  const inProcess: Pick<Engine, 'connect'> = {
    connect: (address, options) => engine.connectInProcess(address, options, peerService),
  };
  const ownOptions = { keepalive, tls: tls?.local, proven: 'process' } as const;
  const local = endpointsByAddress(inProcess, localAddress, ownOptions);
  const network: Network = {
    engine,
    discovery,
    endpoints,
    directory: createDirectory({ discovery, endpoints, local }),
    address: undefined,
    connectLocal: () => endpointsByAddress(inProcess, localAddress, { ...ownOptions, windowsGrow }),
  };
  return network;
}
