/** The endpoint of one instance of a service. */
export interface FoundEndpoint {
  /** `host:port`. */
  readonly address: string;
  /** A draining instance finishes its calls and gets no new ones. */
  readonly state: 'ready' | 'draining';
  /** The version that runs there, if the registry knows. */
  readonly version?: string | undefined;
}

/** The instances of a service. */
export interface EndpointSet {
  readonly endpoints: readonly FoundEndpoint[];
}

/** How a process describes itself to a registry. */
export interface SelfDescription {
  /** The names under which others find it: `user`. */
  readonly services: readonly string[];
  /** `host:port` at which other processes call it. */
  readonly address: string;
  /** Whether it listens at all addresses of its machine and `address`, on loopback, is only one of them. */
  readonly isAtAllAddresses?: boolean;
  /** A name of this instance that no other has. */
  readonly instance: string;
  readonly version: string;
}

/** The entry of this process in a registry. */
export interface Registration {
  /**
   * Keeps others from choosing this process: it drains. Resolves then, or after `withinMs`. Never rejects. A registry that
   * can show a draining instance keeps the entry until the discovery is closed; others remove it.
   */
  leave(withinMs: number): Promise<void>;
}

/**
 * The name of the processes that forward calls. They serve no contract to others, so only `static:` has it, with the addresses
 * at which they answer for themselves (`OPS_LISTEN`).
 */
export const gatewayName = 'gateway';

/** How a service is found: `static`, `dns`, ... */
export type DiscoveryScheme = 'static' | 'dns' | 'k8s' | 'k8s-api' | 'consul' | 'eureka';

/** Finds the instances of services by name. A name is the first part of the package of a contract, such as `user`. */
export interface Discovery {
  readonly scheme: DiscoveryScheme;
  /** Whether a service exists. `possible`: only the registry can say, later. */
  knows(service: string): 'certain' | 'possible' | 'no';
  /** The services that are known now. */
  names(): readonly string[];
  /**
   * Calls `changed` with the first set, and with each other one. A registry that is away or answers nonsense changes
   * nothing. Returns a function that ends the watch.
   */
  watch(service: string, changed: (set: EndpointSet) => void): () => void;
  /**
   * Asks the registry again soon, because an instance drains or is lost. At most once a second per service: what comes earlier
   * waits for that. A question that waits for changes continues.
   */
  refresh(service: string): void;
  /** Enters this process into the registry, as soon as that answers. Not defined if the registry takes no entries. */
  register?(self: SelfDescription): Registration;
  /** Ends all watches, and removes the entry of this process if there is one. Resolves within half a second. */
  close(): Promise<void>;
}

/** The name of a contract's service: the first part of its package. `user` of `user.v1.UserService`. */
export function serviceNameOf(contract: string): string {
  return contract.slice(0, contract.indexOf('.'));
}
