import type { ConnectOptions, Engine } from '../engines/engine.ts';
import type { PickedEndpoint, ProvenPeer, ServiceEndpoint } from './balancer.ts';

/** Where clients get the endpoints of their attempts. */
export interface EndpointSource {
  /** Resolves once the endpoints of a contract can be picked, after at most 2 s. `undefined`: they can be picked now. */
  found(contract: string): Promise<void> | undefined;
  /**
   * Returns the endpoint of the next attempt of a call to a contract (`user.v1.UserService`): if possible, none of `tried`.
   * Throws a MeshError if the service has no endpoint.
   */
  pick(contract: string, tried?: ReadonlySet<string>, isStream?: boolean): PickedEndpoint;
  /** Closes the connections; later calls fail with UNAVAILABLE. */
  close(): void;
}

export interface SourceOptions extends ConnectOptions {
  /** Who is at the addresses for certain. Default: nobody knows. */
  readonly proven?: ProvenPeer | undefined;
}

/**
 * Returns a source with one endpoint for each contract, at the address that `resolve` returns for it before each attempt.
 * It connects to an address with the first call that goes there.
 */
export function endpointsByAddress(
  engine: Pick<Engine, 'connect'>,
  resolve: (contract: string) => string,
  { proven, ...options }: SourceOptions = {},
): EndpointSource {
  const endpoints = new Map<string, PickedEndpoint>();
  let closed = false;
  const connect = (address: string) => {
    const transport = engine.connect(address, options);
    // Its calls then fail like all others.
    if (closed) transport.close();
    const endpoint = onlyEndpoint({ address, transport, proven });
    endpoints.set(address, endpoint);
    return endpoint;
  };
  return {
    found: () => undefined,
    pick(contract) {
      const address = resolve(contract);
      return endpoints.get(address) ?? connect(address);
    },
    close() {
      closed = true;
      for (const { transport } of endpoints.values()) transport.close();
    },
  };
}

const ignore = () => undefined;

/** Returns an endpoint that has no others to choose from, so it ignores what is reported about its calls. */
export function onlyEndpoint(endpoint: ServiceEndpoint): PickedEndpoint {
  return {
    address: endpoint.address,
    get transport() {
      return endpoint.transport;
    },
    proven: endpoint.proven,
    hasOthers: false,
    end: () => undefined,
    hold: () => ignore,
    misses: () => undefined,
  };
}
