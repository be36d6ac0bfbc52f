import { type Endpoints, gatewayName, type ServiceEndpoint, serviceNameOf } from '#mesh';
import type { OpsPart, RemoteProcess } from '../ops-part.ts';

/** Processes with the same services: any of them can answer for these. */
export interface PartGroup {
  /** The names of the services in discovery: `order`, or `order,payment`. */
  readonly name: string;
  /** Those that get calls come first. Empty: discovery knows no instance now. */
  readonly parts: readonly OpsPart[];
  /** Whether there are no parts because the registry has not answered yet. */
  readonly isUnanswered?: boolean;
  /** Whether there is no other group: what its part throws is then the answer. */
  readonly isOnly?: boolean;
}

/** The parts of the mesh, as far as they are found now. */
export interface FoundParts {
  /** This process. */
  readonly local: OpsPart;
  /** The other processes, sorted by name and address. */
  readonly others: readonly OpsPart[];
  /** The services that are not in this process. One that has had an instance stays when it has none. */
  readonly groups: readonly PartGroup[];
  /** The names of services that discovery may find later. */
  readonly possible: readonly string[];
}

export interface FindPartsDeps {
  readonly local: OpsPart;
  readonly endpoints: Endpoints;
  /** The full names of the contracts that this process serves. */
  readonly served: () => readonly string[];
  /** The full names of all contracts: DNS knows the services only once it is asked for them. */
  readonly declared: readonly string[];
  /** Creates the part of another process. */
  connect(remote: RemoteProcess, endpoint: ServiceEndpoint): OpsPart;
}

interface ConnectedPart {
  readonly part: OpsPart;
  readonly endpoint: ServiceEndpoint;
}

/** Processes with these names in discovery have other services only if these are found by their own names. */
const withoutServices: readonly string[] = ['ops', gatewayName];

/**
 * Returns what finds the parts of the mesh now. A part of a process that is found again is the same: its endpoint follows the
 * connections that are replaced after a silence. One that had left meanwhile has a new endpoint, and so a new part.
 */
export function createPartFinder({ local, endpoints, served, declared, connect }: FindPartsDeps): () => FoundParts {
  const own = [...new Set(declared.map(serviceNameOf))];
  let known = new Map<string, ConnectedPart>();
  // A registry no longer lists a service whose last instance has left.
  const everFound = new Set<string>();
  const names = () => {
    const asked = own.filter((name) => endpoints.knows(name) === 'possible');
    return [...new Set([...endpoints.names(), ...asked, ...everFound])].toSorted();
  };
  return () => {
    const here = new Set(served().map(serviceNameOf));
    const byAddress = new Map<string, { readonly names: string[]; readonly endpoint: ServiceEndpoint }>();
    const addresses = new Map<string, string>();
    const unready = new Set<string>();
    const unanswered = new Set<string>();
    const possible: string[] = [];
    for (const name of names()) {
      const balancer = endpoints.of(name);
      const found = balancer.instances();
      if (found.length > 0) everFound.add(name);
      for (const endpoint of found) {
        if (endpoint.state !== 'ready') unready.add(endpoint.address);
        const entry = byAddress.get(endpoint.address) ?? { names: [], endpoint };
        byAddress.set(endpoint.address, entry);
        entry.names.push(name);
      }
      const key = found.map(({ address }) => address).toSorted();
      if (withoutServices.includes(name) || here.has(name)) continue;
      if (key.length === 0 && !everFound.has(name) && endpoints.knows(name) === 'possible') {
        // Whether it exists at all is not known.
        if (balancer.isAnswered()) {
          possible.push(name);
          continue;
        }
        unanswered.add(name);
      }
      addresses.set(name, key.join() || `no address of ${name}`);
    }
    const connected = new Map<string, ConnectedPart>();
    for (const [address, { names, endpoint }] of byAddress) {
      const remote = { name: names.join(), address };
      const last = known.get(address);
      const isSame = last?.endpoint.transport === endpoint.transport && last.part.remote?.name === remote.name;
      connected.set(address, isSame ? last : { endpoint, part: connect(remote, endpoint) });
    }
    known = connected;
    const parts = new Map([...connected].map(([address, { part }]) => [address, part]));
    const groups = [...Map.groupBy(addresses.keys(), (name) => addresses.get(name) ?? '')].map(([key, names]) => ({
      name: names.join(),
      parts: key
        .split(',')
        .toSorted((one, other) => Number(unready.has(one)) - Number(unready.has(other)))
        .flatMap((address) => parts.get(address) ?? []),
      ...(names.some((name) => unanswered.has(name)) && { isUnanswered: true }),
    }));
    return { local, others: [...parts.values()].toSorted(byNameAndAddress), groups, possible };
  };
}

function byNameAndAddress({ remote: one }: OpsPart, { remote: other }: OpsPart): number {
  return labelOf(one) < labelOf(other) ? -1 : 1;
}

/** `order@127.0.0.1:21051`. */
export function labelOf(remote: RemoteProcess | undefined): string {
  return remote ? `${remote.name}@${remote.address}` : 'this process';
}
