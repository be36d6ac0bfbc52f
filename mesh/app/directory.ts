import type { StaticAddresses } from '../config/static-addresses.ts';

/** Where to find the contracts that services of this process call, by full name: `user.v1.UserService`. */
export interface Directory {
  /** Adds a contract that this process serves. */
  addLocal(contract: string): void;
  /** Notes that `service` calls a contract. */
  addCall(contract: string, service: string): void;
  /** Whether a contract has an address or is served by a service of this process that is already built. */
  has(contract: string): boolean;
  /** Whether a service has an address, by the name it has in `DISCOVERY_URL`. */
  hasAddress(service: string): boolean;
  /**
   * Returns `host:port` of a contract. A contract of this process is called here even if it has an address, so all processes
   * of a mesh can share one list of addresses. A contract that is nowhere is called here too, and refused.
   */
  find(contract: string): string;
  /** The contracts that are called but cannot be found, with the services that call them. */
  missing(): ReadonlyMap<string, readonly string[]>;
  /** The services that have an address but run in this process. */
  shadowed(): string[];
  /** The names of the services that this process runs or calls. */
  names(): ReadonlySet<string>;
}

/** Creates a directory. This process is reached at `localAddress`. */
export function createDirectory(addresses: StaticAddresses, localAddress: () => string): Directory {
  const local = new Set<string>();
  const calls = new Map<string, readonly string[]>();
  const addressOf = (contract: string) => addresses.get(serviceNameOf(contract));
  const has = (contract: string) => local.has(contract) || addressOf(contract) !== undefined;
  const namesOf = (contracts: Iterable<string>) => new Set([...contracts].map(serviceNameOf));
  return {
    has,
    hasAddress: (service) => addresses.has(service),
    addLocal: (contract) => local.add(contract),
    addCall: (contract, service) => calls.set(contract, [...(calls.get(contract) ?? []), service]),
    find: (contract) => (local.has(contract) ? undefined : addressOf(contract)) ?? localAddress(),
    missing: () => new Map([...calls].filter(([contract]) => !has(contract))),
    shadowed: () => [...namesOf(local)].filter((name) => addresses.has(name)),
    names: () => namesOf([...local, ...calls.keys()]),
  };
}

/** The name of a contract's service in `DISCOVERY_URL`: the first part of its package. */
export function serviceNameOf(contract: string): string {
  return contract.slice(0, contract.indexOf('.'));
}
