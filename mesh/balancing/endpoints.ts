import type { Discovery } from '../discovery/discovery.ts';
import type { Engine, Keepalive, Transport } from '../engines/engine.ts';
import type { Balancer, ServiceEndpoint } from './balancer.ts';
import { unreported } from './endpoint-source.ts';

/** The instances of the services that this process calls. */
export interface Endpoints {
  /** The services that discovery knows now. */
  names(): readonly string[];
  /** Whether a service exists, as discovery knows it. */
  knows(service: string): ReturnType<Discovery['knows']>;
  /** Returns the balancer of a service by its name in discovery: `user`. Each service has one. */
  of(service: string): Balancer;
  /** Closes all connections; later calls fail with UNAVAILABLE. */
  close(): void;
}

export interface EndpointsOptions {
  readonly engine: Pick<Engine, 'connect'>;
  readonly discovery: Discovery;
  /** Default: no pings. */
  readonly keepalive?: Keepalive | undefined;
}

/** Watches services from the first call on, and connects to an endpoint with the first call that goes there. */
export function createEndpoints({ engine, discovery, keepalive }: EndpointsOptions): Endpoints {
  const balancers = new Map<string, WatchedBalancer>();
  let closed = false;
  const connect = (address: string) => {
    const transport = engine.connect(address, { keepalive });
    // Its calls then fail like all others.
    if (closed) transport.close();
    return transport;
  };
  return {
    names: () => discovery.names(),
    knows: (service) => discovery.knows(service),
    of(service) {
      const known = balancers.get(service);
      if (known) return known;
      const balancer = watchService(service, discovery, connect);
      balancers.set(service, balancer);
      return balancer;
    },
    close() {
      closed = true;
      for (const balancer of balancers.values()) balancer.close();
    },
  };
}

interface WatchedBalancer extends Balancer {
  close(): void;
}

/** Round robin over the endpoints that are ready. */
function watchService(service: string, discovery: Discovery, connect: (address: string) => Transport): WatchedBalancer {
  const transports = new Map<string, Transport>();
  let ready: readonly ServiceEndpoint[] = [];
  let turn = 0;
  const transportTo = (address: string) => {
    const transport = transports.get(address) ?? connect(address);
    transports.set(address, transport);
    return transport;
  };
  const endWatch = discovery.watch(service, ({ endpoints }) => {
    const addresses = new Set(endpoints.map(({ address }) => address));
    for (const [address, transport] of transports) {
      if (addresses.has(address)) continue;
      transports.delete(address);
      transport.close();
    }
    ready = endpoints
      .filter(({ state }) => state === 'ready')
      .map(({ address }) => ({ address, transport: transportTo(address) }));
  });
  return {
    pick(tried) {
      const untried = tried ? ready.filter(({ address }) => !tried.has(address)) : ready;
      const candidates = untried.length > 0 ? untried : ready;
      const picked = candidates[turn++ % candidates.length];
      return picked && { ...picked, end: unreported };
    },
    endpoints: () => ready,
    close() {
      endWatch();
      for (const transport of transports.values()) transport.close();
    },
  };
}
