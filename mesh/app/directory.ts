import type { StaticAddresses } from '../config/static-addresses.ts';

/** Where the contracts are that services of this process call. A contract goes by its full name: `user.v1.UserService`. */
export interface Directory {
  /** Adds a contract that this process serves. */
  addLocal(contract: string): void;
  /** Notes that `service` calls a contract. */
  addCall(contract: string, service: string): void;
  /** Whether a contract is served by this process, as far as it is built, or has an address. */
  has(contract: string): boolean;
  /**
   * `host:port` of a contract. This process serves it itself where it can, whatever address it has elsewhere: one list of
   * addresses does for all processes of a mesh. A contract that is nowhere is asked of this process, which refuses.
   */
  find(contract: string): string;
  /** The contracts that are called and are nowhere, each with the services that call it. */
  missing(): ReadonlyMap<string, readonly string[]>;
  /** The services that have an address and are in this process as well. */
  shadowed(): string[];
  /** The names of the services that this process has or calls. */
  names(): ReadonlySet<string>;
}

/** A directory without contracts of this process yet, which can be reached at `localAddress`. */
export function createDirectory(addresses: StaticAddresses, localAddress: () => string): Directory {
  const local = new Set<string>();
  const calls = new Map<string, readonly string[]>();
  const addressOf = (contract: string) => addresses.get(serviceNameOf(contract));
  const has = (contract: string) => local.has(contract) || addressOf(contract) !== undefined;
  const namesOf = (contracts: Iterable<string>) => new Set([...contracts].map(serviceNameOf));
  return {
    has,
    addLocal: (contract) => local.add(contract),
    addCall: (contract, service) => calls.set(contract, [...(calls.get(contract) ?? []), service]),
    find: (contract) => (local.has(contract) ? undefined : addressOf(contract)) ?? localAddress(),
    missing: () => new Map([...calls].filter(([contract]) => !has(contract))),
    shadowed: () => [...namesOf(local)].filter((name) => addresses.has(name)),
    names: () => namesOf([...local, ...calls.keys()]),
  };
}

/** The name that `DISCOVERY_URL` has for the service of a contract: the first part of its package. */
export function serviceNameOf(contract: string): string {
  return contract.slice(0, contract.indexOf('.'));
}
