import type { Balancer } from '../../balancing/balancer.ts';
import type { RawEndpoint } from '../../engines/forwarding.ts';
import type { Clock } from '../../time/clock.ts';

// How long the connections to an address stay after the address has left its service.
const tidyMs = 10_000;
// How long its calls may then take: its machine may have gone without a word. As for the clients of the mesh.
const removedGraceMs = 10 * 60_000;

/** The connections to the endpoints of services. Those to an endpoint that has left end with its last call. */
export class RawEndpoints {
  readonly #connect: (address: string) => RawEndpoint;
  readonly #clock: Clock;
  readonly #balancers = new Set<Balancer>();
  readonly #endWatches: (() => void)[] = [];
  readonly #endpoints = new Map<string, RawEndpoint>();
  #stopTidying: () => void;

  constructor(connect: (address: string) => RawEndpoint, clock: Clock) {
    this.#connect = connect;
    this.#clock = clock;
    this.#stopTidying = clock.after(tidyMs, () => this.#tidy());
  }

  /** Adds the endpoints of a service to those that may be connected. */
  watch(balancer: Balancer): void {
    if (this.#balancers.has(balancer)) return;
    this.#balancers.add(balancer);
    this.#endWatches.push(balancer.onChange(() => this.#abortSilent(balancer)));
  }

  to(address: string): RawEndpoint {
    let endpoint = this.#endpoints.get(address);
    if (endpoint === undefined) {
      endpoint = this.#connect(address);
      this.#endpoints.set(address, endpoint);
    }
    return endpoint;
  }

  close(): void {
    this.#stopTidying();
    for (const end of this.#endWatches) end();
    for (const endpoint of this.#endpoints.values()) endpoint.close();
  }

  /** Ends the calls of instances that do not answer. Later ones get another connection. */
  #abortSilent(balancer: Balancer): void {
    for (const { address, isGivenUp } of balancer.instances()) {
      if (!isGivenUp) continue;
      this.#endpoints.get(address)?.abort();
      this.#endpoints.delete(address);
    }
  }

  #tidy(): void {
    // An instance that gets no calls of one contract may get those of another.
    const found = new Set(
      [...this.#balancers].flatMap((balancer) => balancer.instances().map(({ address }) => address)),
    );
    for (const [address, endpoint] of this.#endpoints) {
      if (found.has(address)) continue;
      this.#endpoints.delete(address);
      endpoint.close();
      this.#clock.after(removedGraceMs, () => endpoint.abort());
    }
    this.#stopTidying = this.#clock.after(tidyMs, () => this.#tidy());
  }
}
