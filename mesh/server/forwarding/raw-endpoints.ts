import type { Balancer } from '../../balancing/balancer.ts';
import type { RawEndpoint } from '../../engines/forwarding.ts';
import type { Clock } from '../../time/clock.ts';

// How long the connections to an address stay after the address has left its service.
const tidyMs = 10_000;
// How long its calls may then take: its machine may have gone without a word. As for the clients of the mesh.
const removedGraceMs = 10 * 60_000;

/** The connections to the endpoints of services. Those to an endpoint that has left end with its last call. */
export class RawEndpoints {
  readonly #connect: (address: string, service: string) => RawEndpoint;
  readonly #isPerService: boolean;
  readonly #clock: Clock;
  readonly #balancers = new Set<Balancer>();
  readonly #endWatches: (() => void)[] = [];
  readonly #endpoints = new Map<string, { readonly address: string; readonly endpoint: RawEndpoint }>();
  #stopTidying: () => void;

  /** `isPerService`: the services at one address do not share connections, because each proves which one is there. */
  constructor(connect: (address: string, service: string) => RawEndpoint, clock: Clock, isPerService = false) {
    this.#connect = connect;
    this.#isPerService = isPerService;
    this.#clock = clock;
    this.#stopTidying = clock.after(tidyMs, () => this.#tidy());
  }

  /** Adds the endpoints of a service to those that may be connected. */
  watch(balancer: Balancer): void {
    if (this.#balancers.has(balancer)) return;
    this.#balancers.add(balancer);
    this.#endWatches.push(balancer.onChange(() => this.#abortSilent(balancer)));
  }

  to(address: string, service: string): RawEndpoint {
    const key = this.#isPerService ? `${service} ${address}` : address;
    const known = this.#endpoints.get(key);
    if (known !== undefined) return known.endpoint;
    const endpoint = this.#connect(address, service);
    this.#endpoints.set(key, { address, endpoint });
    return endpoint;
  }

  close(): void {
    this.#stopTidying();
    for (const end of this.#endWatches) end();
    for (const { endpoint } of this.#endpoints.values()) endpoint.close();
  }

  /** Ends the calls of instances that do not answer. Later ones get another connection. */
  #abortSilent(balancer: Balancer): void {
    const silent = new Set(balancer.instances().flatMap(({ address, isGivenUp }) => (isGivenUp ? [address] : [])));
    if (silent.size === 0) return;
    for (const [key, { address, endpoint }] of this.#endpoints) {
      if (!silent.has(address)) continue;
      this.#endpoints.delete(key);
      endpoint.abort();
    }
  }

  #tidy(): void {
    // An instance that gets no calls of one contract may get those of another.
    const found = new Set(
      [...this.#balancers].flatMap((balancer) => balancer.instances().map(({ address }) => address)),
    );
    for (const [key, { address, endpoint }] of this.#endpoints) {
      if (found.has(address)) continue;
      this.#endpoints.delete(key);
      endpoint.close();
      this.#clock.after(removedGraceMs, () => endpoint.abort());
    }
    this.#stopTidying = this.#clock.after(tidyMs, () => this.#tidy());
  }
}
