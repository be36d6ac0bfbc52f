import type { FoundEndpoint } from '../discovery/discovery.ts';
import type { Transport } from '../engines/engine.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import type { CallOutcome, InstanceState, ProvenPeer } from './balancer.ts';
import { type WatchedHealth, watchHealth } from './health-calls.ts';
import type { Link, LinkUser } from './link.ts';
import { Load, loadConstants } from './load.ts';
import { Ejection } from './outliers.ts';

/** Receives the changes of an instance. */
export interface InstanceListener {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Its state may have changed. */
  changed(instance: Instance): void;
  /** It was ejected because of faults in a row. */
  ejected(instance: Instance): void;
  /** It does not serve a contract. */
  notServed(instance: Instance, contract: string): void;
  /** It does not have a method. */
  missed(instance: Instance, path: string): void;
  /** It has stopped to serve a contract, perhaps because it drains: discovery may know its successor. */
  stoppedServing(): void;
  /** It cannot be reached. `isLogged`: unless it was logged before. */
  lost(instance: Instance, isLogged: boolean, wasDraining: boolean): void;
  /** It can be reached again. */
  reached(instance: Instance): void;
  /** Whether another instance is ready. */
  hasOthers(instance: Instance): boolean;
}

/** One instance of a service: its load, its health, and whether it is ejected. */
export class Instance implements LinkUser {
  readonly load = new Load();
  readonly ejection = new Ejection();
  readonly link: Link;
  picks = 0;
  #found: FoundEndpoint;
  readonly #listener: InstanceListener;
  readonly #health = new Map<string, WatchedHealth>();
  readonly #watches: (() => void)[] = [];
  readonly #missed = new Set<string>();
  #isLost = false;

  constructor(found: FoundEndpoint, link: Link, listener: InstanceListener) {
    this.#found = found;
    this.link = link;
    this.#listener = listener;
    link.users.add(this);
  }

  get address(): string {
    return this.#found.address;
  }

  get version(): string | undefined {
    return this.#found.version;
  }

  get transport(): Transport {
    return this.link.transport;
  }

  get proven(): ProvenPeer | undefined {
    return this.link.proven;
  }

  get logger(): Logger {
    return this.#listener.logger;
  }

  get hasElsewhere(): boolean {
    return this.#listener.hasOthers(this);
  }

  /** Replaces what discovery reports of it. */
  update(found: FoundEndpoint): void {
    this.#found = found;
  }

  /** Watches its health for a contract, from now on. */
  watch(contract: string): void {
    this.#health.set(contract, 'unknown');
    const changed = (health: WatchedHealth) => this.#onHealth(contract, health);
    const { clock } = this.#listener;
    this.#watches.push(watchHealth({ transport: () => this.link.transport, contract, clock, changed }));
    // So a server that hangs is noticed without any call.
    this.#watches.push(this.link.holdStream(clock.elapsedMs()));
  }

  /** Its state for calls to a contract; without one, for calls to all that are watched. */
  stateFor(contract: string | undefined): InstanceState {
    if (this.link.isSilent) return this.link.isAway ? 'away' : 'silent';
    const health = contract === undefined ? this.#worstHealth() : this.#health.get(contract);
    if (health === 'away' || health === 'not-served') return health;
    if (this.#found.state === 'draining') return 'draining';
    if (health === 'not-serving') return health;
    return this.ejection.isEjected ? 'ejected' : 'ready';
  }

  begin(isStream: boolean, nowMs: number): void {
    this.picks += 1;
    this.load.begin(nowMs);
    if (isStream) {
      this.load.end(undefined, nowMs);
      this.link.beginStream(nowMs);
    } else this.link.begin(nowMs);
  }

  end(isStream: boolean, outcome: CallOutcome, ms: number): void {
    const nowMs = this.#listener.clock.elapsedMs();
    // Its deadline was short, so it says only that an answer takes longer than that.
    const isShort = outcome === 'late' && ms < loadConstants.faultMs;
    if (isStream) this.link.endStream(answers.has(outcome), nowMs);
    else {
      this.link.end(answers.has(outcome), nowMs);
      if (isShort) this.load.givenUp(ms, nowMs);
      else this.load.end(latencyOf(outcome, ms), nowMs);
    }
    if (outcome === 'answered' || outcome === 'unimplemented' || outcome === 'limited') this.ejection.answered();
    else if (outcome === 'failed' || outcome === 'overloaded') this.ejection.overloaded();
    else if (outcome !== 'cancelled' && !isShort && this.ejection.failed(nowMs)) this.#listener.ejected(this);
  }

  hold(): () => void {
    return this.link.holdStream(this.#listener.clock.elapsedMs());
  }

  misses(path: string): void {
    if (this.#missed.has(path)) return;
    this.#missed.add(path);
    this.#listener.missed(this, path);
  }

  onSilence(): void {
    this.load.forget();
    this.#listener.changed(this);
  }

  close(): void {
    for (const end of this.#watches) end();
    this.link.users.delete(this);
  }

  #onHealth(contract: string, health: WatchedHealth): void {
    const before = this.#health.get(contract);
    this.#health.set(contract, health);
    if (health === 'not-served') this.#listener.notServed(this, contract);
    if (health === 'not-serving') this.#listener.stoppedServing();
    if (health === 'away') this.#lose(before);
    else if (this.#isLost) {
      this.#isLost = false;
      this.#listener.reached(this);
    }
    // Another process may answer there now: forget what the previous one did.
    if (before === 'away') {
      this.load.forget();
      this.ejection.forget();
      this.#missed.clear();
    }
    this.#listener.changed(this);
  }

  /** The watches of all its contracts notice it. A silent instance has been logged, and may accept connections. */
  #lose(before: WatchedHealth | undefined): void {
    const isLogged = !this.#isLost && !this.link.isSilent;
    this.#isLost ||= isLogged;
    this.#listener.lost(this, isLogged, before === 'not-serving' || this.#found.state === 'draining');
  }

  #worstHealth(): WatchedHealth {
    const all = new Set(this.#health.values());
    return worstFirst.find((health) => all.has(health)) ?? 'unknown';
  }
}

const worstFirst: readonly WatchedHealth[] = ['away', 'not-serving', 'not-served'];

/** The outcomes of calls that the server answered. */
const answers: ReadonlySet<CallOutcome> = new Set(['answered', 'failed', 'unimplemented', 'overloaded', 'limited']);

/** The outcomes that say nothing about how fast an instance answers: a method that it does not have is refused quickly. */
const untimed: ReadonlySet<CallOutcome> = new Set(['failed', 'unimplemented', 'limited', 'cancelled']);

function latencyOf(outcome: CallOutcome, ms: number): number | undefined {
  if (outcome === 'answered') return ms;
  return untimed.has(outcome) ? undefined : Math.max(ms, loadConstants.faultMs);
}
