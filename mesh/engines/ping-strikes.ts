/** How often a client may ping. The defaults are those of gRPC (proposals A8 and A9). */
export interface PingPolicy {
  /** On a connection with open calls. Default: 5 min. */
  readonly minIntervalMs?: number;
  /** On a connection without. Default: 2 h. */
  readonly minIdleIntervalMs?: number;
}

/** The text of the GOAWAY for a client that pings too often. Clients of gRPC recognize it and ping less. */
export const tooManyPings = 'too_many_pings';

// One ping may be late and the next early.
const maxStrikes = 2;

/**
 * The pings of a client that came too early. Sending it headers or data forgives them: a client may ping while it is being
 * answered.
 */
export class PingStrikes {
  readonly #minIntervalMs: number;
  readonly #minIdleIntervalMs: number;
  #strikes = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #hasSent = false;

  constructor({ minIntervalMs = 300_000, minIdleIntervalMs = 7_200_000 }: PingPolicy = {}) {
    this.#minIntervalMs = minIntervalMs;
    this.#minIdleIntervalMs = minIdleIntervalMs;
  }

  /** This side has sent headers or data. */
  sent(): void {
    this.#hasSent = true;
  }

  /** The client has pinged. Returns whether the connection is to be ended for that. `nowMs` is monotonic. */
  pinged(nowMs: number, hasCalls: boolean): boolean {
    const minMs = hasCalls ? this.#minIntervalMs : this.#minIdleIntervalMs;
    if (this.#hasSent) this.#strikes = 0;
    else if (nowMs - this.#lastMs < minMs) this.#strikes += 1;
    this.#hasSent = false;
    this.#lastMs = nowMs;
    return this.#strikes > maxStrikes;
  }
}
