import type { Discovery, EndpointSet } from '../discovery/discovery.ts';
import { runOutsideOfCalls } from '../telemetry/call-scope.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { Instance, type InstanceListener } from './instance.ts';
import type { Link } from './link.ts';
import { findOutliers, outlierConstants } from './outliers.ts';

/** The connections of a process, by address. */
export interface Links {
  /** Returns the link to an address, where this service is. Release it once. */
  take(address: string, service: string): Link;
  release(link: Link): void;
}

export interface ServiceInstancesOptions {
  /** Its name in discovery: `user`. */
  readonly service: string;
  readonly discovery: Pick<Discovery, 'scheme' | 'watch' | 'refresh'>;
  readonly links: Links;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long the first calls wait for a registry that does not answer. */
const maxFindMs = 2_000;

/**
 * The instances of one service. Follows them in discovery, watches their health for the contracts that are called, and ejects
 * those that fail their calls. Calls `onChange` when the set, or the state of an instance, may have changed.
 */
export class ServiceInstances implements InstanceListener {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly #options: ServiceInstancesOptions;
  readonly #onChange: () => void;
  readonly #instances = new Map<string, Instance>();
  /** The contracts whose health is watched. */
  readonly #contracts = new Set<string>();
  readonly #endWatch: () => void;
  #cancelInterval: () => void;
  #cancelFinding: (() => void) | undefined;
  #finding: PromiseWithResolvers<void> | undefined = Promise.withResolvers();
  #ejections = 0;
  #isAnswered = false;
  #isClosed = false;

  constructor(options: ServiceInstancesOptions, onChange: () => void) {
    this.clock = options.clock;
    this.logger = options.logger.child({ service: options.service, registry: options.discovery.scheme });
    this.#options = options;
    this.#onChange = onChange;
    this.#endWatch = options.discovery.watch(options.service, (set) => this.#onSet(set));
    this.#cancelInterval = this.clock.after(outlierConstants.intervalMs, () => this.#onInterval());
    this.#cancelFinding = this.#finding && this.clock.after(maxFindMs, () => this.#endFinding());
  }

  /** Resolves once discovery has answered, at most 2 s after the start. `undefined` from then on. */
  found(): Promise<void> | undefined {
    return this.#finding?.promise;
  }

  /** Whether discovery has answered. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** The ejections since the process started. */
  get ejections(): number {
    return this.#ejections;
  }

  all(): readonly Instance[] {
    return [...this.#instances.values()];
  }

  /** Watches the health of a contract at all instances, from now on. */
  watch(contract: string): void {
    if (this.#contracts.has(contract) || this.#isClosed) return;
    this.#contracts.add(contract);
    for (const instance of this.#instances.values()) instance.watch(contract);
  }

  close(): void {
    this.#isClosed = true;
    this.#endWatch();
    this.#cancelInterval();
    this.#endFinding();
    for (const instance of this.#instances.values()) this.#remove(instance);
  }

  // Called by its instances.

  changed(): void {
    this.#onChange();
  }

  ejected(instance: Instance): void {
    const forMs = Math.ceil(instance.ejection.untilMs - this.clock.elapsedMs());
    this.#ejections += 1;
    this.logger.warn(
      { address: instance.address, for_ms: forMs },
      'an instance fails its calls: it gets none for a while',
    );
    runOutsideOfCalls(() => this.clock.after(forMs, () => this.#admit(instance)));
    this.changed();
  }

  notServed({ address }: Instance, contract: string): void {
    this.logger.warn(
      { address, contract },
      'an instance answers, but does not serve the contract: check whether two services have one address',
    );
  }

  missed({ address, version }: Instance, path: string): void {
    this.logger.warn(
      { address, version, method: path },
      'an instance of an older contract is called: its calls of this method go elsewhere; update it',
    );
  }

  stoppedServing(): void {
    this.#options.discovery.refresh(this.#options.service);
  }

  lost({ address }: Instance, isLogged: boolean, wasDraining: boolean): void {
    this.#options.discovery.refresh(this.#options.service);
    if (isLogged) this.logger[wasDraining ? 'info' : 'warn']({ address }, 'an instance cannot be reached');
  }

  reached({ address }: Instance): void {
    this.logger.info({ address }, 'an instance can be reached again');
  }

  hasOthers(instance: Instance): boolean {
    return this.all().some((other) => other !== instance && other.stateFor(undefined) === 'ready');
  }

  #onSet({ endpoints }: EndpointSet): void {
    this.#isAnswered = true;
    const addresses = new Set(endpoints.map(({ address }) => address));
    for (const instance of this.#instances.values()) if (!addresses.has(instance.address)) this.#remove(instance);
    for (const found of endpoints) {
      const known = this.#instances.get(found.address);
      if (known) known.update(found);
      else {
        const instance = new Instance(found, this.#options.links.take(found.address, this.#options.service), this);
        this.#instances.set(found.address, instance);
        for (const contract of this.#contracts) instance.watch(contract);
      }
    }
    this.changed();
    this.#endFinding();
  }

  #endFinding(): void {
    this.#finding?.resolve();
    this.#finding = undefined;
    this.#cancelFinding?.();
  }

  #remove(instance: Instance): void {
    this.#instances.delete(instance.address);
    instance.close();
    this.#options.links.release(instance.link);
  }

  #admit(instance: Instance): void {
    if (!instance.ejection.admit(this.clock.elapsedMs())) return;
    // It gets one call first.
    instance.load.forget();
    this.changed();
  }

  #onInterval(): void {
    this.#cancelInterval = this.clock.after(outlierConstants.intervalMs, () => this.#onInterval());
    const instances = this.all();
    const rates = instances.map(({ ejection }) => ejection.endInterval());
    for (const index of findOutliers(rates)) {
      const instance = instances[index];
      instance?.ejection.eject(this.clock.elapsedMs());
      if (instance) this.ejected(instance);
    }
    for (const { ejection } of instances) ejection.forgive();
  }
}
