import { parseAddress } from '../config/address.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import type { EndpointSet, FoundEndpoint } from './discovery.ts';

/** The last known instances of a service. */
export interface SetOfService {
  /** Takes an answer of the registry. An empty one replaces others only if it is certain, and then after a while. */
  confirm(endpoints: readonly FoundEndpoint[], isCertain: boolean): void;
  /** The registry has no entry of the service. Keeps the last set; without one, it is empty from now on. */
  unknown(): void;
  /** The registry does not answer. Whether an empty set replaces the last one is open again. */
  unconfirmed(): void;
  endpoints(): readonly FoundEndpoint[];
  /** `undefined` before the first answer. */
  current(): EndpointSet | undefined;
  /** By the elapsed time of the clock. `undefined` before the first answer. */
  confirmedMs(): number | undefined;
  close(): void;
}

export interface EndpointSetOptions {
  /** Without secrets. */
  readonly registry: string;
  readonly service: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Connections are kept to each. */
const maxInstances = 1_000;

/** A registry that was restarted has no entries until all instances have registered again. */
const emptyAfterMs = 30_000;

const maxAddressLength = 300;

/** Calls `changed` with the first set and each other one, on each confirmation that changes something. */
export function createEndpointSet(
  { registry, service, clock, logger }: EndpointSetOptions,
  changed: (set: EndpointSet) => void,
): SetOfService {
  let current: EndpointSet | undefined;
  let confirmedMs: number | undefined;
  let cancelEmpty: (() => void) | undefined;
  let faultText = '';

  function replace(endpoints: readonly FoundEndpoint[]): void {
    const isSame = current !== undefined && sameEndpoints(current.endpoints, endpoints);
    current = { endpoints };
    if (!isSame) changed(current);
  }

  function keep(): void {
    cancelEmpty?.();
    cancelEmpty = undefined;
  }

  /** Logs what is wrong with an answer, unless the last one had the same fault. */
  function report(fault: string, fields: object): void {
    if (fault !== faultText && fault !== '') logger.warn({ registry, service, ...fields }, fault);
    faultText = fault;
  }

  /** Returns the endpoints that can be used, each address once, in an order that does not depend on the answer's. */
  function usable(found: readonly FoundEndpoint[]): readonly FoundEndpoint[] {
    const byAddress = new Map<string, FoundEndpoint>();
    const malformed: string[] = [];
    for (const endpoint of found) {
      if (!isDialable(endpoint.address)) malformed.push(String(endpoint.address).slice(0, maxAddressLength));
      // Two entries of an address are two services, or a stale entry.
      else if (byAddress.get(endpoint.address)?.state !== 'ready') byAddress.set(endpoint.address, endpoint);
    }
    const sorted = [...byAddress.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
    if (malformed.length > 0)
      report('registry has addresses that are not valid; ignoring them: correct their entries', {
        addresses: malformed.slice(0, 10),
      });
    else if (sorted.length > maxInstances)
      report('registry has too many instances of a service; using the first ones', {
        instances: sorted.length,
        used: maxInstances,
      });
    else report('', {});
    return sorted.slice(0, maxInstances);
  }

  return {
    confirm(found, isCertain) {
      const endpoints = usable(found);
      const isUnusable = found.length > 0 && endpoints.length === 0;
      if (!isUnusable) confirmedMs = clock.elapsedMs();
      const keepsLast = endpoints.length === 0 && (current?.endpoints.length ?? 0) > 0;
      if (!keepsLast) {
        keep();
        if (!isUnusable) replace(endpoints);
      } else if (isCertain && !isUnusable) {
        cancelEmpty ??= clock.after(emptyAfterMs, () => {
          cancelEmpty = undefined;
          replace([]);
        });
      }
    },
    unconfirmed: keep,
    unknown() {
      if (!current) replace([]);
    },
    endpoints: () => current?.endpoints ?? [],
    current: () => current,
    confirmedMs: () => confirmedMs,
    close: keep,
  };
}

function sameEndpoints(one: readonly FoundEndpoint[], other: readonly FoundEndpoint[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ address, state, version }, index) => {
      const that = other[index];
      return address === that?.address && state === that.state && version === that.version;
    })
  );
}

/** Nothing can be reached at port 0 or at a wildcard. */
function isDialable(address: unknown): boolean {
  if (typeof address !== 'string' || address.length > maxAddressLength || parseAddress(address) === undefined)
    return false;
  return !/:0+$/.test(address) && !/^(0\.0\.0\.0|\[::\]):/.test(address);
}
