import type { Transport } from '../engines/engine.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { sleep } from '../time/sleep.ts';
import { probe } from './health-calls.ts';

/** When a server is silent. With these, after 3 to 3.5 s. */
export const silenceConstants = {
  /** How long calls may be open without any answer before the server is asked whether it is alive. */
  patienceMs: 1_000,
  /** How long it may take to answer that. */
  probeTimeoutMs: 1_000,
  /** After so many unanswered probes it is silent. */
  maxProbes: 2,
  /** How often a silent server is asked. */
  retryMs: 500,
} as const;

export interface LinkOptions {
  readonly address: string;
  readonly connect: () => Transport;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Something that uses a link. */
export interface LinkUser {
  /** Whether its calls could go elsewhere. If those of no user can, a server that is silent is waited for. */
  readonly hasElsewhere: boolean;
  /** The server has fallen silent, or answers again. */
  onSilence(): void;
}

/** The connections to one address, which the services there share, and whether the server answers. */
export class Link {
  readonly address: string;
  readonly users = new Set<LinkUser>();
  readonly #options: LinkOptions;
  readonly #ending = new AbortController();
  #transport: Transport;
  #open = 0;
  /** Since when calls are open of which none was answered; `undefined` if there are none. */
  #unansweredMs: number | undefined;
  #isProbing = false;
  #isSilent = false;

  constructor(options: LinkOptions) {
    this.address = options.address;
    this.#options = options;
    this.#transport = options.connect();
  }

  get transport(): Transport {
    return this.#transport;
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** A call that must be answered begins. */
  begin(nowMs: number): void {
    this.#open += 1;
    this.#unansweredMs ??= nowMs;
  }

  /** It has ended. `isAnswered`: by the server. */
  end(isAnswered: boolean, nowMs: number): void {
    this.#open -= 1;
    if (isAnswered) this.#unansweredMs = this.#open === 0 ? undefined : nowMs;
  }

  /** Probes the server if calls wait for it for too long. Called now and then. */
  check(nowMs: number): void {
    if (this.#isProbing || this.#unansweredMs === undefined) return;
    if (nowMs - this.#unansweredMs < silenceConstants.patienceMs) return;
    this.#isProbing = true;
    void this.#probe().finally(() => {
      this.#isProbing = false;
    });
  }

  /** Ends it once its calls have ended, at the latest after `graceMs`. */
  close(graceMs: number): void {
    this.#ending.abort();
    this.#transport.close();
    this.#options.clock.after(graceMs, () => this.#transport.abort());
  }

  async #probe(): Promise<void> {
    const { clock } = this.#options;
    const { probeTimeoutMs, maxProbes, retryMs } = silenceConstants;
    for (let unanswered = 0; !this.#ending.signal.aborted; ) {
      const liveness = await probe(this.#transport, probeTimeoutMs, clock);
      // Calls to a server that is away fail by themselves.
      if (liveness === 'answers' || (liveness === 'away' && !this.#isSilent)) break;
      unanswered += 1;
      if (unanswered === maxProbes && !this.#fallSilent()) break;
      if (this.#isSilent) await sleep(clock, retryMs, this.#ending.signal);
    }
    this.#unansweredMs = this.#open === 0 ? undefined : clock.elapsedMs();
    if (this.#isSilent && !this.#ending.signal.aborted) this.#set(false);
  }

  /** Ends all calls and dials anew. Returns false if there is nothing else that could answer them. */
  #fallSilent(): boolean {
    if (![...this.users].some(({ hasElsewhere }) => hasElsewhere)) return false;
    const { connect } = this.#options;
    const silent = this.#transport;
    this.#transport = connect();
    this.#set(true);
    silent.abort();
    return true;
  }

  #set(isSilent: boolean): void {
    const { logger } = this.#options;
    this.#isSilent = isSilent;
    if (isSilent) logger.warn({ address: this.address }, 'an instance does not answer: its calls go elsewhere');
    else logger.info({ address: this.address }, 'an instance answers again');
    for (const user of this.users) user.onSilence();
  }
}
