import type { BalancingPolicy } from '../config/process-settings.ts';
import type { Discovery } from '../discovery/discovery.ts';
import type { ConnectOptions, Engine } from '../engines/engine.ts';
import type { ClientTls } from '../engines/tls/tls-options.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { runOutsideOfCalls } from '../telemetry/call-scope.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { type Balancer, instanceStates } from './balancer.ts';
import { Link } from './link.ts';
import { ServiceBalancer } from './service-balancer.ts';
import type { Links } from './service-instances.ts';

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

export interface EndpointsOptions extends Pick<ConnectOptions, 'keepalive' | 'windowsGrow'> {
  readonly engine: Pick<Engine, 'connect'>;
  readonly discovery: Discovery;
  /** Returns the TLS of connections to a service. Default: they are not encrypted. */
  readonly tlsOf?: ((service: string) => ClientTls) | undefined;
  /** Default: `least-load`. */
  readonly policy?: BalancingPolicy | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random?: (() => number) | undefined;
}

/** The endpoints of a process, and what is measured of them. */
export interface OpenEndpoints extends Endpoints {
  measure(metrics: Metrics): void;
}

// Between two checks whether servers are silent.
const checkMs = 500;

// How long a call to an instance that is no longer found may take. Streams last longer than calls.
const removedGraceMs = 10 * 60_000;

/** Watches services from the first call on. The health of each contract is watched at all instances, which connects to them. */
export function createEndpoints(options: EndpointsOptions): OpenEndpoints {
  const { discovery, policy = 'least-load', clock, logger, random = Math.random } = options;
  const balancers = new Map<string, ServiceBalancer>();
  const links = createLinks(options);
  return {
    names: () => discovery.names(),
    knows: (service) => discovery.knows(service),
    of(service) {
      const known = balancers.get(service);
      if (known) return known;
      const settings = { service, discovery, links, policy, clock, logger, random };
      const balancer = runOutsideOfCalls(() => new ServiceBalancer(settings));
      balancers.set(service, balancer);
      return balancer;
    },
    close() {
      for (const balancer of balancers.values()) balancer.close();
      links.close();
    },
    measure: (metrics) => measure(metrics, balancers),
  };
}

interface ProcessLinks extends Links {
  close(): void;
}

function createLinks({ engine, keepalive, windowsGrow, tlsOf, clock }: EndpointsOptions): ProcessLinks {
  const links = new Map<string, { readonly link: Link; users: number }>();
  const keys = new Map<Link, string>();
  let isClosed = false;
  let cancelCheck: () => void;
  const check = () => {
    const nowMs = clock.elapsedMs();
    for (const { link } of links.values()) link.check(nowMs);
    cancelCheck = clock.after(checkMs, check);
  };
  cancelCheck = clock.after(checkMs, check);
  const connect = (address: string, tls: ClientTls | undefined) => {
    const transport = engine.connect(address, { keepalive, windowsGrow, tls });
    // Its calls then fail like all others.
    if (isClosed) transport.close();
    return transport;
  };
  return {
    take(address, service) {
      const tls = tlsOf?.(service);
      const proven = tls?.serverService === undefined ? undefined : ('service' as const);
      // A connection that proves which service is there is for calls to that service only.
      const key = proven ? `${service} ${address}` : address;
      const known = links.get(key) ?? {
        link: new Link({ address, connect: () => connect(address, tls), proven, clock }),
        users: 0,
      };
      known.users += 1;
      links.set(key, known);
      keys.set(known.link, key);
      return known.link;
    },
    release(link) {
      const key = keys.get(link);
      const known = key === undefined ? undefined : links.get(key);
      if (key === undefined || known === undefined) return;
      known.users -= 1;
      if (known.users > 0) return;
      links.delete(key);
      keys.delete(link);
      link.close(removedGraceMs);
    },
    close() {
      isClosed = true;
      cancelCheck();
      for (const { link } of links.values()) link.close(removedGraceMs);
    },
  };
}

function measure(metrics: Metrics, balancers: ReadonlyMap<string, ServiceBalancer>): void {
  const instances = 'The known instances of services that this process calls, by whether they get calls.';
  metrics.gauge('ordermesh_balancer_instances', instances, ['service', 'state']).collect(async () =>
    [...balancers].flatMap(([service, balancer]) => {
      const all = balancer.instances();
      return instanceStates.map((state) => {
        const value = all.filter((instance) => instance.state === state).length;
        return { labels: { service, state }, value };
      });
    }),
  );
  metrics
    .counter('ordermesh_balancer_picks_total', 'Calls that instances got.', ['service', 'address'])
    .collect(() =>
      [...balancers].flatMap(([service, balancer]) =>
        balancer.instances().map(({ address, picks }) => ({ labels: { service, address }, value: picks })),
      ),
    );
  const elsewhere = 'Attempts that went to another instance, because one did not take the call or failed it.';
  metrics
    .counter('ordermesh_balancer_failovers_total', elsewhere, ['service'])
    .collect(() => [...balancers].map(([service, { counts }]) => ({ labels: { service }, value: counts.failovers })));
  metrics
    .counter(
      'ordermesh_balancer_ejections_total',
      'Instances that got no calls for a while because they failed them.',
      ['service'],
    )
    .collect(() => [...balancers].map(([service, { counts }]) => ({ labels: { service }, value: counts.ejections })));
}
