import type { BalancingPolicy } from '../config/process-settings.ts';
import type { Discovery, EndpointSet } from '../discovery/discovery.ts';
import { runOutsideOfCalls } from '../telemetry/call-scope.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import type { Balancer, InstanceReport, PickedEndpoint, ServiceEndpoint } from './balancer.ts';
import { Choice, Instance, type InstanceListener } from './instance.ts';
import type { Link } from './link.ts';
import { findOutliers, outlierConstants } from './outliers.ts';
import { pickTwo } from './pick-two.ts';
import { bestUntried, usable } from './usable.ts';

/** The connections of a process, by address. */
export interface Links {
  /** Returns the link to an address. Release it once. */
  take(address: string): Link;
  release(link: Link): void;
}

export interface ServiceBalancerOptions {
  /** Its name in discovery: `user`. */
  readonly service: string;
  readonly discovery: Pick<Discovery, 'scheme' | 'watch' | 'refresh'>;
  readonly links: Links;
  readonly policy: BalancingPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 to below 1. Default: `Math.random`. */
  readonly random?: () => number;
}

/** The calls that a balancer sent elsewhere, and the ejections, since the process started. */
export interface BalancerCounts {
  readonly failovers: number;
  readonly ejections: number;
}

/** How long the first calls wait for a registry that does not answer. */
const maxFindMs = 2_000;

/** The balancer of one service. It watches the service in discovery from the start. */
export class ServiceBalancer implements Balancer, InstanceListener {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly #options: ServiceBalancerOptions;
  readonly #random: () => number;
  readonly #instances = new Map<string, Instance>();
  /** The contracts that were called, whose health is watched. */
  readonly #contracts = new Set<string>();
  /** For calls and for streams, by contract; `''` for those without. Empty after a change. */
  readonly #choices = { calls: new Map<string, readonly Choice[]>(), streams: new Map<string, readonly Choice[]>() };
  readonly #listeners = new Set<() => void>();
  readonly #endWatch: () => void;
  #cancelInterval: () => void;
  #cancelFinding: (() => void) | undefined;
  #turn = 0;
  #failovers = 0;
  #ejections = 0;
  #isAnswered = false;
  #isClosed = false;
  #finding: PromiseWithResolvers<void> | undefined = Promise.withResolvers();

  constructor(options: ServiceBalancerOptions) {
    this.clock = options.clock;
    this.#options = options;
    this.logger = options.logger.child({ service: options.service, registry: options.discovery.scheme });
    this.#random = options.random ?? Math.random;
    this.#endWatch = options.discovery.watch(options.service, (set) => this.#onSet(set));
    this.#cancelInterval = this.clock.after(outlierConstants.intervalMs, () => this.#onInterval());
    this.#cancelFinding = this.#finding && this.clock.after(maxFindMs, () => this.#endFinding());
  }

  get counts(): BalancerCounts {
    return { failovers: this.#failovers, ejections: this.#ejections };
  }

  found(): Promise<void> | undefined {
    return this.#finding?.promise;
  }

  pick(tried?: ReadonlySet<string>, contract = '', isStream = false): PickedEndpoint | undefined {
    const choices = this.#choicesFor(contract, isStream);
    if (tried === undefined || tried.size === 0) return this.#begin(choices);
    const untried = this.#untried(tried, choices, contract, false);
    if (untried.length > 0) return this.#beginElsewhere(untried, isStream);
    return this.#begin(choices.map(({ instance }) => new Choice(instance, false, isStream)));
  }

  pickUntried(tried: ReadonlySet<string>, contract = '', isStream = false): PickedEndpoint | undefined {
    const choices = this.#choicesFor(contract, isStream);
    if (tried.size === 0) return this.#begin(choices);
    return this.#beginElsewhere(this.#untried(tried, choices, contract, true), isStream);
  }

  isAnswered(): boolean {
    return this.#isAnswered;
  }

  endpoints(contract = ''): readonly ServiceEndpoint[] {
    return this.#choicesFor(contract, false);
  }

  instances(contract?: string): readonly InstanceReport[] {
    if (contract !== undefined) this.#watch(contract);
    return [...this.#instances.values()].map((instance) => {
      const { address, version, picks } = instance;
      const state = instance.stateFor(contract);
      return {
        address,
        version,
        picks,
        state,
        // Whoever keeps the report calls over the connections of then.
        get transport() {
          return instance.transport;
        },
      };
    });
  }

  onChange(changed: () => void): () => void {
    this.#listeners.add(changed);
    return () => this.#listeners.delete(changed);
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
    this.#choices.calls.clear();
    this.#choices.streams.clear();
    for (const listener of this.#listeners) listener();
  }

  ejected(instance: Instance): void {
    const { untilMs } = instance.ejection;
    const forMs = Math.ceil(untilMs - this.clock.elapsedMs());
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

  lost({ address }: Instance, isLogged: boolean, wasDraining: boolean): void {
    this.#options.discovery.refresh(this.#options.service);
    if (isLogged) this.logger[wasDraining ? 'info' : 'warn']({ address }, 'an instance cannot be reached');
  }

  reached({ address }: Instance): void {
    this.logger.info({ address }, 'an instance can be reached again');
  }

  hasOthers(instance: Instance): boolean {
    return [...this.#instances.values()].some((other) => other !== instance && other.stateFor(undefined) === 'ready');
  }

  #onSet({ endpoints }: EndpointSet): void {
    this.#isAnswered = true;
    const addresses = new Set(endpoints.map(({ address }) => address));
    for (const instance of this.#instances.values()) if (!addresses.has(instance.address)) this.#remove(instance);
    for (const found of endpoints) {
      const known = this.#instances.get(found.address);
      if (known) known.update(found);
      else {
        const instance = new Instance(found, this.#options.links.take(found.address), this);
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

  #watch(contract: string): void {
    if (contract === '' || this.#contracts.has(contract) || this.#isClosed) return;
    this.#contracts.add(contract);
    for (const instance of this.#instances.values()) instance.watch(contract);
  }

  /** The instances that get the calls to a contract until something changes. */
  #choicesFor(contract: string, isStream: boolean): readonly Choice[] {
    const byContract = isStream ? this.#choices.streams : this.#choices.calls;
    const known = byContract.get(contract);
    if (known) return known;
    this.#watch(contract);
    const choices = choicesOf(usable([...this.#instances.values()], contract === '' ? undefined : contract), isStream);
    byContract.set(contract, choices);
    return choices;
  }

  #begin(choices: readonly Choice[]): PickedEndpoint | undefined {
    if (choices.length === 0) return undefined;
    const nowMs = this.clock.elapsedMs();
    const picked = this.#pickOf(choices, nowMs);
    picked.begin(nowMs);
    return picked;
  }

  #beginElsewhere(instances: readonly Instance[], isStream: boolean): PickedEndpoint | undefined {
    if (instances.length > 0) this.#failovers += 1;
    return this.#begin(choicesOf(instances, isStream));
  }

  #pickOf(choices: readonly Choice[], nowMs: number): Choice {
    if (this.#options.policy === 'least-load') return pickTwo(choices, nowMs, this.#random);
    this.#turn += 1;
    return choices[this.#turn % choices.length] as Choice;
  }

  /** The best instances that were not tried; any only if none can be reached. */
  #untried(tried: ReadonlySet<string>, choices: readonly Choice[], contract: string, orAway: boolean) {
    const untried = [...this.#instances.values()].filter(({ address }) => !tried.has(address));
    const best = bestUntried(untried, contract || undefined, orAway);
    return best.length > 0
      ? best
      : untried.filter((instance) => choices.some((choice) => choice.instance === instance));
  }

  #admit(instance: Instance): void {
    if (!instance.ejection.admit(this.clock.elapsedMs())) return;
    // It gets one call first.
    instance.load.forget();
    this.changed();
  }

  #onInterval(): void {
    this.#cancelInterval = this.clock.after(outlierConstants.intervalMs, () => this.#onInterval());
    const instances = [...this.#instances.values()];
    const rates = instances.map(({ ejection }) => ejection.endInterval());
    for (const index of findOutliers(rates)) {
      const instance = instances[index];
      instance?.ejection.eject(this.clock.elapsedMs());
      if (instance) this.ejected(instance);
    }
    for (const { ejection } of instances) ejection.forgive();
  }
}

function choicesOf(instances: readonly Instance[], isStream: boolean): readonly Choice[] {
  return instances.map((instance) => new Choice(instance, instances.length > 1, isStream));
}
