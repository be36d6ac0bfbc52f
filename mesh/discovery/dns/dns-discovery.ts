import type { Discovery } from '../discovery.ts';
import type { DiscoveryParts } from '../registry-log.ts';
import { createWatches } from '../watches.ts';
import { lookUp } from './lookup.ts';

export interface DnsOptions {
  readonly scheme: 'dns' | 'k8s';
  /** `host:port` of the DNS server. `undefined`: those of the system. */
  readonly server: string | undefined;
  /** `<service>` in it is replaced by the name of the service. */
  readonly name: string;
  /** `undefined`: the name is that of SRV records, which have a port each. */
  readonly port: number | undefined;
  /** The file with the rules to complete names. Default: `/etc/resolv.conf`. */
  readonly resolvConf?: string;
}

const minTtl = 1;

/**
 * Some servers report a longer TTL for records that can change at any time, such as Docker's 600 s. Also that of SRV records,
 * whose TTL Node does not give.
 */
const maxTtl = 5;

/**
 * Finds services by DNS. A name is asked for again when its TTL has passed, 1 to 5 s, or when an instance drains or is lost. A
 * name that has disappeared keeps its last addresses.
 */
export function createDnsDiscovery(
  { scheme, server, name, port, resolvConf = '/etc/resolv.conf' }: DnsOptions,
  parts: DiscoveryParts,
): Discovery {
  const registry = server === undefined ? 'dns:' : `dns://${server}`;
  const lastOf = new Map<string, readonly string[]>();
  const watches = createWatches(
    registry,
    async function* (service, { signal, rest }) {
      const query = {
        registry,
        server,
        port,
        resolvConf,
        service,
        signal,
        name: name.replaceAll('<service>', service),
      };
      while (!signal.aborted) {
        const { addresses, ttl } = await lookUp({ ...query, last: lastOf.get(service) ?? [] });
        lastOf.set(service, addresses);
        yield { endpoints: addresses.map((address) => ({ address, state: 'ready' as const })) };
        await rest(1000 * secondsToNext(ttl));
      }
    },
    parts,
  );
  return { ...watches, scheme, knows: (service) => (watches.has(service) ? 'certain' : 'possible') };
}

function secondsToNext(ttl = maxTtl): number {
  return Math.min(Math.max(ttl, minTtl), maxTtl);
}
