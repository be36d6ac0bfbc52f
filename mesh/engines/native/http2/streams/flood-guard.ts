import { ConnectionError, ErrorCode } from '../codec/frames.ts';

/** How much of something a peer may do: a store that is refilled by time and by work that it gives us. */
interface Allowance {
  left: number;
  readonly most: number;
  readonly perSecond: number;
}

/**
 * Tells a busy peer from one that makes us work for nothing. Streams that end well earn the right to reset others, and
 * frames that carry something that to send some that do not; who has used up what it earned is ended with
 * ENHANCE_YOUR_CALM. Streams that the peer makes us reset by a fault (CVE-2025-8671) have an allowance of their own, since
 * honest peers make none; idle frames are PING, SETTINGS, PRIORITY, empty DATA, WINDOW_UPDATE, those of streams that are
 * over, acknowledgements of nothing and unknown ones.
 */
export class FloodGuard {
  readonly #resets: Allowance = { left: 2_000, most: 5_000, perSecond: 100 };
  readonly #faults: Allowance = { left: 100, most: 100, perSecond: 10 };
  readonly #idle: Allowance = { left: 1_000, most: 10_000, perSecond: 200 };
  #atMs = 0;

  /** Refills what time earns. To be called when bytes come; `nowMs` is monotonic. */
  tick(nowMs: number): void {
    const seconds = (nowMs - this.#atMs) / 1_000;
    if (seconds < 0.05) return;
    if (this.#atMs > 0) {
      for (const allowance of [this.#resets, this.#faults, this.#idle]) earn(allowance, seconds * allowance.perSecond);
    }
    this.#atMs = nowMs;
  }

  streamEnded(): void {
    earn(this.#resets, 1);
  }

  usefulFrame(): void {
    earn(this.#idle, 4);
  }

  streamReset(): void {
    spend(this.#resets, 'too many of its streams were reset');
  }

  streamFaulted(): void {
    spend(this.#faults, 'too many of its streams had a fault');
  }

  idleFrame(): void {
    spend(this.#idle, 'too many of its frames carry nothing');
  }
}

function earn(allowance: Allowance, amount: number): void {
  allowance.left = Math.min(allowance.most, allowance.left + amount);
}

function spend(allowance: Allowance, fault: string): void {
  allowance.left -= 1;
  if (allowance.left < 0) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, fault);
}
