import type { BalancingPolicy } from '../config/process-settings.ts';
import type { Transport } from '../engines/engine.ts';
import type { Clock } from '../time/clock.ts';
import type { Balancer, CallOutcome, InstanceReport, PickedEndpoint, ProvenPeer, ServiceEndpoint } from './balancer.ts';
import type { Instance } from './instance.ts';
import type { Load } from './load.ts';
import { pickTwo } from './pick-two.ts';
import { ServiceInstances, type ServiceInstancesOptions } from './service-instances.ts';
import { bestUntried, usable } from './usable.ts';

export interface ServiceBalancerOptions extends ServiceInstancesOptions {
  readonly policy: BalancingPolicy;
  /** From 0 to below 1. Default: `Math.random`. */
  readonly random?: () => number;
}

/** The calls that a balancer sent elsewhere, and the ejections, since the process started. */
export interface BalancerCounts {
  readonly failovers: number;
  readonly ejections: number;
}

/** Chooses an instance for each call to one service, among those that {@link ServiceInstances} has found and not ejected. */
export class ServiceBalancer implements Balancer {
  readonly #clock: Clock;
  readonly #policy: BalancingPolicy;
  readonly #random: () => number;
  readonly #instances: ServiceInstances;
  /** For calls and for streams, by contract; `''` for those without. Empty after a change. */
  readonly #choices = { calls: new Map<string, readonly Choice[]>(), streams: new Map<string, readonly Choice[]>() };
  readonly #listeners = new Set<() => void>();
  #turn = 0;
  #failovers = 0;

  constructor(options: ServiceBalancerOptions) {
    this.#clock = options.clock;
    this.#policy = options.policy;
    this.#random = options.random ?? Math.random;
    this.#instances = new ServiceInstances(options, () => this.#onInstances());
  }

  get counts(): BalancerCounts {
    return { failovers: this.#failovers, ejections: this.#instances.ejections };
  }

  found(): Promise<void> | undefined {
    return this.#instances.found();
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
    return this.#instances.isAnswered;
  }

  endpoints(contract = ''): readonly ServiceEndpoint[] {
    return this.#choicesFor(contract, false);
  }

  instances(contract?: string): readonly InstanceReport[] {
    if (contract) this.#instances.watch(contract);
    return this.#instances.all().map((instance) => {
      const { address, version, picks, proven } = instance;
      const state = instance.stateFor(contract);
      return {
        address,
        version,
        picks,
        proven,
        state,
        isGivenUp: instance.link.isGivenUp,
        // The connections when it is read: a caller may keep the report.
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
    this.#instances.close();
  }

  #onInstances(): void {
    this.#choices.calls.clear();
    this.#choices.streams.clear();
    for (const listener of this.#listeners) listener();
  }

  /** The instances that get the calls to a contract until something changes. */
  #choicesFor(contract: string, isStream: boolean): readonly Choice[] {
    const byContract = isStream ? this.#choices.streams : this.#choices.calls;
    const known = byContract.get(contract);
    if (known) return known;
    if (contract) this.#instances.watch(contract);
    const choices = choicesOf(usable(this.#instances.all(), contract || undefined), isStream);
    byContract.set(contract, choices);
    return choices;
  }

  #begin(choices: readonly Choice[]): PickedEndpoint | undefined {
    if (choices.length === 0) return undefined;
    const nowMs = this.#clock.elapsedMs();
    const picked = this.#pickOf(choices, nowMs);
    picked.begin(nowMs);
    return picked;
  }

  #beginElsewhere(instances: readonly Instance[], isStream: boolean): PickedEndpoint | undefined {
    if (instances.length > 0) this.#failovers += 1;
    return this.#begin(choicesOf(instances, isStream));
  }

  #pickOf(choices: readonly Choice[], nowMs: number): Choice {
    if (this.#policy === 'least-load') return pickTwo(choices, nowMs, this.#random);
    this.#turn += 1;
    return choices[this.#turn % choices.length] as Choice;
  }

  /** The best instances that were not tried; any of `choices` only if there is none better. */
  #untried(tried: ReadonlySet<string>, choices: readonly Choice[], contract: string, orAway: boolean) {
    const untried = this.#instances.all().filter(({ address }) => !tried.has(address));
    const best = bestUntried(untried, contract || undefined, orAway);
    return best.length > 0
      ? best
      : untried.filter((instance) => choices.some((choice) => choice.instance === instance));
  }
}

function choicesOf(instances: readonly Instance[], isStream: boolean): readonly Choice[] {
  return instances.map((instance) => new Choice(instance, instances.length > 1, isStream));
}

/** An instance as a choice for calls, or for streams. Created when the choices change, so a pick allocates nothing. */
export class Choice implements PickedEndpoint {
  readonly instance: Instance;
  readonly hasOthers: boolean;
  readonly isStream: boolean;
  readonly load: Load;
  readonly address: string;

  constructor(instance: Instance, hasOthers: boolean, isStream: boolean) {
    this.instance = instance;
    this.hasOthers = hasOthers;
    this.isStream = isStream;
    this.load = instance.load;
    this.address = instance.address;
  }

  get transport(): Transport {
    return this.instance.transport;
  }

  get proven(): ProvenPeer | undefined {
    return this.instance.proven;
  }

  begin(nowMs: number): void {
    this.instance.begin(this.isStream, nowMs);
  }

  end(outcome: CallOutcome, ms: number): void {
    this.instance.end(this.isStream, outcome, ms);
  }

  hold(): () => void {
    return this.instance.hold();
  }

  misses(path: string): void {
    this.instance.misses(path);
  }
}
