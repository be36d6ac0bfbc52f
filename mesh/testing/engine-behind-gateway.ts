import { createEndpoints } from '../balancing/endpoints.ts';
import { contractDescriptors } from '../contract/declared-services.ts';
import { createStaticDiscovery } from '../discovery/static/static-discovery.ts';
import type { Engine, ServerHost, ServerHostOptions } from '../engines/engine.ts';
import { nativeEngine } from '../engines/native/engine.ts';
import { createPrometheusMetrics } from '../metrics/prometheus/prometheus-metrics.ts';
import { createForwarder, type ForwarderOptions } from '../server/forwarding/forwarder.ts';
import { createLogger } from '../telemetry/logger.ts';
import { systemClock } from '../time/clock.ts';

/** A host that forwards all calls, as the gateway does. */
export interface Gateway {
  readonly port: number;
  drain(graceMs: number): Promise<void>;
}

/** Opens a gateway on `listen` to a server at `address`. `clock` is that of the forwarder: the server answers in real time. */
export async function openGateway(
  address: string,
  listen: string,
  options: Pick<ServerHostOptions, 'toStatus' | 'tls'> &
    Partial<Pick<ForwarderOptions, 'clock' | 'draining' | 'logger' | 'authenticator' | 'provesService'>>,
): Promise<Gateway> {
  const { clock = systemClock, draining = new AbortController().signal, logger = createLogger('silent') } = options;
  const discovery = createStaticDiscovery(new Map([['behind', [address]]]));
  const endpoints = createEndpoints({ engine: nativeEngine, discovery, clock: systemClock, logger });
  const { connectRaw } = nativeEngine;
  if (connectRaw === undefined) throw new TypeError('the native engine cannot forward');
  const forwarder = createForwarder({
    ...options,
    routeOf: () => 'behind',
    endpoints,
    connect: (address) => connectRaw(address),
    registry: discovery.scheme,
    maxWaitingBytes: 64 * 1024 * 1024,
    descriptors: contractDescriptors,
    draining,
    clock,
    logger,
    metrics: createPrometheusMetrics({ clock, logger }),
  });
  const host = nativeEngine.createServerHost(options);
  host.forward?.(forwarder);
  const port = await host.listen(listen);
  return {
    port,
    async drain(graceMs) {
      await host.drain(graceMs);
      forwarder.close();
      endpoints.close();
    },
  };
}

/** The native engine, whose hosts are called through a gateway. It has their TLS. */
export const engineBehindGateway: Engine = {
  ...nativeEngine,
  createServerHost({ tls, ...options }) {
    const host = nativeEngine.createServerHost(options);
    let gateway: Gateway | undefined;
    const drain = async (graceMs: number) => {
      await Promise.all([host.drain(graceMs), gateway?.drain(graceMs)]);
    };
    const listen: ServerHost['listen'] = async (address) => {
      const behind = await host.listen('127.0.0.1:0');
      gateway = await openGateway(`127.0.0.1:${behind}`, address, { tls, toStatus: options.toStatus });
      return gateway.port;
    };
    return {
      get openConnections() {
        return host.openConnections;
      },
      get boundAddress() {
        return gateway && `127.0.0.1:${gateway.port}`;
      },
      add: (method, handler) => host.add(method, handler),
      drain,
      listen,
    };
  },
};
