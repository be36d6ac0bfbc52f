import { networkOf } from '../../engines/network-of.ts';
import type { Clock } from '../../time/clock.ts';
import { tooManyTokens } from './errors.ts';
import { RecentRefusals } from './recent-refusals.ts';
import { type TokenOrigin, TokenQueue } from './token-queue.ts';

export interface TurnLimits {
  /** How many verifications may be under way. */
  readonly underWay: number;
  /** How many may wait, in all and by address. */
  readonly waiting: number;
  readonly waitingOfAddress: number;
}

// Signatures are verified by the four threads that also read files for everybody, 0.15 ms each, and the next ones begin in a
// later turn of the event loop. All users of a gateway share its address: after a restart, 500 of them take 32 turns. That is
// 0.1 s if the process has nothing else to do, and 0.5 s with turns of 10 ms (2 under way: 2.7 s; 64: 0.2 s). A file read
// meanwhile waits for 10 ms (64 under way: 100 ms), with turns of 10 ms for 70 ms (110 ms). Two shared cores.
const defaultLimits: TurnLimits = { underWay: 16, waiting: 8_000, waitingOfAddress: 500 };

/**
 * Bounds the verifications that are under way, because anyone can ask for them. Those that wait get their turns as
 * {@link TokenQueue} says, so one that floods the process with forged tokens delays the others by little.
 */
export class VerificationTurns {
  readonly #clock: Pick<Clock, 'elapsedMs'>;
  readonly #underWayMax: number;
  readonly #refusals = new RecentRefusals();
  readonly #queue: TokenQueue;
  #underWay = 0;

  constructor(clock: Pick<Clock, 'elapsedMs'>, limits: TurnLimits = defaultLimits) {
    this.#clock = clock;
    this.#underWayMax = limits.underWay;
    this.#queue = new TokenQueue(limits.waiting, limits.waitingOfAddress, (key) =>
      this.#refusals.has(key, clock.elapsedMs()),
    );
  }

  /**
   * Runs `work` when it is the turn of `peer` (`host:port`). Rejects with RESOURCE_EXHAUSTED `TOO_MANY_TOKENS` if too many wait,
   * or if nobody waits for it anymore when its turn comes.
   */
  async run<Result>(peer: string, work: () => Promise<Result>, isOver = () => false): Promise<Result> {
    if (this.#underWay < this.#underWayMax) this.#underWay += 1;
    else await this.#wait(peer, isOver);
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  /** `peer` sent a token with a wrong signature: for a minute, it comes after those that did not. */
  suspect(peer: string): void {
    const { address, connection } = originOf(peer);
    const nowMs = this.#clock.elapsedMs();
    this.#refusals.add(address, nowMs);
    this.#refusals.add(connection, nowMs);
  }

  #wait(peer: string, isOver: () => boolean): Promise<void> {
    return new Promise((begin, reject) => {
      const refuse = () => reject(tooManyTokens(undefined, { retryAfterMs: 1_000 }));
      this.#queue.add(originOf(peer), { isOver, begin, refuse });
    });
  }

  /** Passes the place on. */
  #next(): void {
    const waiter = this.#queue.next();
    if (waiter === undefined) this.#underWay -= 1;
    else waiter.begin();
  }
}

function originOf(peer: string): TokenOrigin {
  const host = peer.slice(0, Math.max(0, peer.lastIndexOf(':')));
  return { address: networkOf(host) ?? host, connection: peer };
}
