import type { Transport } from '../engines/engine.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { sleep } from '../time/sleep.ts';
import type { ProvenPeer } from './balancer.ts';
import { probe } from './health-calls.ts';

/**
 * When a server is silent: 3 to 3.5 s after it hung if calls wait, 7 to 7.5 s if only streams that have begun are open, as the
 * watches of its health are. 2 s later if nothing else could take its calls.
 */
const silenceConstants = {
  /** How long calls may be open without any answer before the server is asked whether it is alive. */
  patienceMs: 1_000,
  /** How long it may take to answer that. */
  probeTimeoutMs: 1_000,
  /** After so many unanswered probes it is silent, and its calls end. */
  maxProbes: 2,
  /** After so many it is silent if its calls could not go elsewhere. They wait. */
  maxProbesAlone: 4,
  /** After so many they end too. */
  maxProbesWaiting: 8,
  /** How often a silent server is asked. */
  retryMs: 500,
  /** How long a server with open streams may send nothing before it is asked. Streams may be silent for long. */
  streamPatienceMs: 5_000,
} as const;

export interface LinkOptions {
  readonly address: string;
  readonly connect: () => Transport;
  /** Who is there for certain. */
  readonly proven?: ProvenPeer | undefined;
  readonly clock: Clock;
}

/** Something that uses a link. */
export interface LinkUser {
  /** Whether its calls could go elsewhere. If those of no user can, a silent server is waited for. */
  readonly hasElsewhere: boolean;
  /** Logs with the service that is there. */
  readonly logger: Logger;
  /** The server has fallen silent, its calls have ended, it cannot be reached, or it answers again. */
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
  /** The streams that are open. */
  #streams = 0;
  /** When to ask a server that sends nothing to its streams; `undefined` if there are none. */
  #askMs: number | undefined;
  /** When the server last sent anything, as far as the transport knows. */
  #receivedMs = 0;
  #isProbing = false;
  #isSilent = false;
  #isGivenUp = false;
  #isAway = false;

  constructor(options: LinkOptions) {
    this.address = options.address;
    this.#options = options;
    this.#transport = options.connect();
  }

  get proven(): ProvenPeer | undefined {
    return this.#options.proven;
  }

  get transport(): Transport {
    return this.#transport;
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** Whether it is silent and the last probe could not reach it. */
  get isAway(): boolean {
    return this.#isAway;
  }

  /** Whether it is silent and its calls were ended. Later ones get another connection. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** A call that must be answered begins. */
  begin(nowMs: number): void {
    this.#open += 1;
    this.#unansweredMs ??= nowMs;
  }

  /** It has ended. `isAnswered`: by the server. */
  end(isAnswered: boolean, nowMs: number): void {
    this.#open -= 1;
    if (!isAnswered) return;
    this.#unansweredMs = this.#open === 0 ? undefined : nowMs;
    this.#heard(nowMs);
  }

  /** A stream begins. */
  beginStream(nowMs: number): void {
    this.#addStream(nowMs + silenceConstants.patienceMs);
  }

  /** Its first message has arrived, or it has ended. `isAnswered`: by the server. */
  endStream(isAnswered: boolean, nowMs: number): void {
    this.#streams -= 1;
    if (isAnswered) this.#heard(nowMs);
  }

  /** A stream stays open after its first message. Returns a function that ends that. */
  holdStream(nowMs: number): () => void {
    this.#addStream(nowMs + silenceConstants.streamPatienceMs);
    return () => {
      this.#streams -= 1;
      // Its reader may have ended it, so it says nothing of the server.
      if (this.#streams === 0) this.#askMs = undefined;
    };
  }

  /** Probes the server if it sends nothing, and calls or streams wait for it for too long. Called now and then. */
  check(nowMs: number): void {
    if (this.#isProbing) return;
    if (this.#hasReceived()) this.#heard(nowMs);
    const isCallLate = this.#unansweredMs !== undefined && nowMs - this.#unansweredMs >= silenceConstants.patienceMs;
    if (!isCallLate && (this.#askMs === undefined || nowMs < this.#askMs)) return;
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

  #addStream(askMs: number): void {
    this.#streams += 1;
    this.#askMs = Math.min(this.#askMs ?? askMs, askMs);
  }

  async #probe(): Promise<void> {
    const { clock } = this.#options;
    const { probeTimeoutMs, maxProbes, maxProbesAlone, maxProbesWaiting, retryMs } = silenceConstants;
    for (let unanswered = 0; !this.#ending.signal.aborted; ) {
      const liveness = await probe(this.#transport, probeTimeoutMs, clock);
      // Calls to a server that is away fail by themselves.
      if (liveness === 'answers' || (liveness === 'away' && !this.#isSilent)) break;
      unanswered += 1;
      // A server that sends much answers late.
      if (this.#hasReceived() && !this.#isGivenUp) break;
      const hasElsewhere = this.#hasElsewhere;
      const isNews = !this.#isSilent && unanswered >= (hasElsewhere ? maxProbes : maxProbesAlone);
      if (isNews) this.#fallSilent(hasElsewhere);
      const isPatient = !hasElsewhere && unanswered < maxProbesWaiting;
      if (this.#isSilent && !this.#isGivenUp && !isPatient) this.#giveUp(hasElsewhere);
      else if (isNews) this.#notify();
      if (this.#isSilent) this.#showAway(liveness === 'away');
      if (this.#isSilent) await sleep(clock, retryMs, this.#ending.signal);
    }
    const nowMs = clock.elapsedMs();
    this.#unansweredMs = this.#open === 0 ? undefined : nowMs;
    this.#heard(nowMs);
    if (this.#isSilent && !this.#ending.signal.aborted) this.#answerAgain();
  }

  get #hasElsewhere(): boolean {
    return [...this.users].some(({ hasElsewhere }) => hasElsewhere);
  }

  /** The server has sent something or was asked. */
  #heard(nowMs: number): void {
    this.#askMs = this.#streams === 0 ? undefined : nowMs + silenceConstants.streamPatienceMs;
  }

  /** Whether the server has sent something since this was last read. */
  #hasReceived(): boolean {
    const { lastReceivedMs = 0 } = this.#transport;
    const isNew = lastReceivedMs > this.#receivedMs;
    if (isNew) this.#receivedMs = lastReceivedMs;
    return isNew;
  }

  #fallSilent(hasElsewhere: boolean): void {
    this.#isSilent = true;
    const calls = hasElsewhere ? 'go elsewhere' : 'wait for it, because no other instance takes calls';
    this.#log('warn', `an instance does not answer: its calls ${calls}`);
  }

  /** A server that was silent may have ended, and hang again once it is back. */
  #showAway(isAway: boolean): void {
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    this.#notify();
  }

  /** Ends all calls and reconnects. */
  #giveUp(hasElsewhere: boolean): void {
    const silent = this.#transport;
    this.#transport = this.#options.connect();
    this.#isGivenUp = true;
    if (!hasElsewhere) this.#log('warn', 'an instance still does not answer: the calls that waited for it end');
    this.#notify();
    silent.abort();
  }

  #answerAgain(): void {
    this.#isSilent = false;
    this.#isGivenUp = false;
    this.#isAway = false;
    this.#log('info', 'an instance answers again');
    this.#notify();
  }

  #log(level: 'warn' | 'info', text: string): void {
    for (const { logger } of this.users) logger[level]({ address: this.address }, text);
  }

  #notify(): void {
    for (const user of this.users) user.onSilence();
  }
}
