import { tooManyTokens } from './errors.ts';

export interface TurnLimits {
  /** How many verifications may be under way. */
  readonly underWay: number;
  /** How many may wait, in all and by peer. */
  readonly waiting: number;
  readonly waitingOfPeer: number;
}

// Signatures are verified by the four threads that also read files for everybody: half of them stay free. All users of
// a gateway share its address: after a restart, 500 of them wait for about 0.1 s.
const defaultLimits: TurnLimits = { underWay: 2, waiting: 8_000, waitingOfPeer: 500 };

type Waiter = () => void;

/**
 * Bounds the verifications that are under way, because anyone can ask for them. Those that wait get their turns by
 * peer, so one that floods the process with tokens delays the others by one verification each.
 */
export class VerificationTurns {
  readonly #limits: TurnLimits;
  /** By peer, in the order of their next turns. */
  readonly #waiting = new Map<string, Waiter[]>();
  #waitingInAll = 0;
  #underWay = 0;

  constructor(limits: TurnLimits = defaultLimits) {
    this.#limits = limits;
  }

  /** Runs `work` when it is the turn of `peer`. Rejects with RESOURCE_EXHAUSTED `TOO_MANY_TOKENS` if too many wait. */
  async run<Result>(peer: string, work: () => Promise<Result>): Promise<Result> {
    if (this.#underWay < this.#limits.underWay) this.#underWay += 1;
    else await this.#wait(peer);
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  #wait(peer: string): Promise<void> {
    const { waiting, waitingOfPeer } = this.#limits;
    const own = this.#waiting.get(peer) ?? [];
    if (this.#waitingInAll >= waiting || own.length >= waitingOfPeer)
      throw tooManyTokens(undefined, { retryAfterMs: 1_000 });
    this.#waiting.set(peer, own);
    this.#waitingInAll += 1;
    return new Promise((resolve) => own.push(resolve));
  }

  /** Passes the place on. */
  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#underWay -= 1;
      return;
    }
    const [peer, own] = first;
    this.#waiting.delete(peer);
    const waiter = own.shift();
    if (own.length > 0) this.#waiting.set(peer, own);
    this.#waitingInAll -= 1;
    waiter?.();
  }
}
