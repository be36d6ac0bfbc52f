import type { EndpointSource } from '../balancing/endpoint-source.ts';
import type { Endpoints } from '../balancing/endpoints.ts';
import { type Discovery, serviceNameOf } from '../discovery/discovery.ts';
import { noEndpoints } from '../discovery/errors.ts';

/**
 * Where to find the contracts that services of this process call, by full name: `user.v1.UserService`. A contract of this
 * process is called here even if discovery knows it, so all processes of a mesh can share one setting. A contract that is
 * nowhere is called here too, and refused.
 */
export interface Directory extends EndpointSource {
  /** Adds a contract that this process serves. */
  addLocal(contract: string): void;
  /** Notes that `service` calls a contract. */
  addCall(contract: string, service: string): void;
  /** Whether a contract is known to discovery or served by a service of this process that is already built. */
  has(contract: string): boolean;
  /** Whether this process serves a contract. */
  isLocal(contract: string): boolean;
  /** Whether discovery knows a service, by its name there. */
  hasAddress(service: string): boolean;
  /** The contracts that are called but cannot be found, with the services that call them. */
  missing(): ReadonlyMap<string, readonly string[]>;
  /** The services that are called and run in other processes. */
  called(): readonly string[];
  /** The services of this process that call others, outside of it. */
  callers(): ReadonlySet<string>;
  /** The services that are called and known to discovery, but run in this process. */
  shadowed(): string[];
  /** The names of the services that this process runs or calls. */
  names(): ReadonlySet<string>;
}

export interface DirectoryOptions {
  readonly discovery: Discovery;
  /** The instances of services in other processes. */
  readonly endpoints: Endpoints;
  /** This process. */
  readonly local: EndpointSource;
}

export function createDirectory({ discovery, endpoints, local }: DirectoryOptions): Directory {
  const served = new Set<string>();
  const calls = new Map<string, readonly string[]>();
  const isKnown = (service: string) => discovery.knows(service) !== 'no';
  const has = (contract: string) => served.has(contract) || isKnown(serviceNameOf(contract));
  const namesOf = (contracts: Iterable<string>) => new Set([...contracts].map(serviceNameOf));
  return {
    has,
    isLocal: (contract) => served.has(contract),
    hasAddress: isKnown,
    addLocal: (contract) => served.add(contract),
    addCall: (contract, service) => calls.set(contract, [...(calls.get(contract) ?? []), service]),
    found(contract) {
      const service = serviceNameOf(contract);
      return served.has(contract) || !isKnown(service) ? undefined : endpoints.of(service).found();
    },
    pick(contract, tried, isStream) {
      const service = serviceNameOf(contract);
      if (served.has(contract) || !isKnown(service)) return local.pick(contract);
      const picked = endpoints.of(service).pick(tried, contract, isStream);
      if (!picked) throw noEndpoints({ service, registry: discovery.scheme });
      return picked;
    },
    close() {
      local.close();
      endpoints.close();
    },
    missing: () => new Map([...calls].filter(([contract]) => !has(contract))),
    called: () => [...namesOf([...calls.keys()].filter((contract) => !served.has(contract)))],
    callers: () => new Set([...calls].flatMap(([contract, services]) => (served.has(contract) ? [] : services))),
    shadowed: () =>
      [...namesOf([...calls.keys()].filter((contract) => served.has(contract)))].filter(
        (name) => discovery.knows(name) === 'certain',
      ),
    names: () => namesOf([...served, ...calls.keys()]),
  };
}
