import type { ConnectionEndReason } from '../../../host-observer.ts';
import { type PingPolicy, PingStrikes, tooManyPings } from '../../../ping-strikes.ts';
import { ConnectionError, ErrorCode } from '../codec/frames.ts';

/** How much of something a peer may still do. It refills with time and with useful work of the peer. */
interface Allowance {
  left: number;
  /** How often it was used. */
  spent: number;
  readonly max: number;
  readonly perSecond: number;
}

/**
 * Distinguishes a busy peer from one that only makes work. Streams that complete earn the right to reset others, one whose
 * response has begun may be reset, and frames with content earn the right to send frames without. A peer that has used up its
 * allowance is ended with ENHANCE_YOUR_CALM. Streams that this side has to reset for a fault of the peer (CVE-2025-8671) have a
 * separate allowance, because honest peers cause none. Idle frames are PING, SETTINGS, PRIORITY, empty DATA, WINDOW_UPDATE,
 * frames of closed streams, acknowledgements that match nothing, and unknown frames.
 */
export class FloodGuard {
  readonly #resets: Allowance = { left: 2_000, spent: 0, max: 5_000, perSecond: 100 };
  readonly #faults: Allowance = { left: 100, spent: 0, max: 100, perSecond: 10 };
  readonly #idle: Allowance = { left: 1_000, spent: 0, max: 10_000, perSecond: 200 };
  readonly #pings: PingStrikes;
  #atMs = 0;
  /** The frames of the peer that carry headers or data. */
  contentFrames = 0;

  constructor(pings?: PingPolicy) {
    this.#pings = new PingStrikes(pings);
  }

  /** Refills by the time that has passed. Called when bytes arrive; `nowMs` is monotonic. */
  tick(nowMs: number): void {
    const seconds = (nowMs - this.#atMs) / 1_000;
    if (seconds < 0.05) return;
    if (this.#atMs > 0) {
      for (const allowance of [this.#resets, this.#faults, this.#idle]) earn(allowance, seconds * allowance.perSecond);
    }
    this.#atMs = nowMs;
  }

  /** How often the peer did what it may do only so often. */
  get counts(): Readonly<Record<'resets' | 'faults' | 'idle_frames', number>> {
    return { resets: this.#resets.spent, faults: this.#faults.spent, idle_frames: this.#idle.spent };
  }

  streamEnded(): void {
    earn(this.#resets, 1);
  }

  usefulFrame(): void {
    earn(this.#idle, 4);
  }

  streamReset(): void {
    spend(this.#resets, 'too many of its streams were reset', 'too_many_resets');
  }

  streamFaulted(): void {
    spend(this.#faults, 'too many of its streams had a fault', 'too_many_faults');
  }

  /** This side has sent headers or data. */
  contentSent(): void {
    this.#pings.sent();
  }

  /** The client of this server has pinged. */
  pinged(hasCalls: boolean): void {
    if (!this.#pings.pinged(performance.now(), hasCalls)) return;
    throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, tooManyPings, 'too_many_pings');
  }

  idleFrame(): void {
    spend(this.#idle, 'too many of its frames have no content', 'too_many_idle_frames');
  }
}

function earn(allowance: Allowance, amount: number): void {
  allowance.left = Math.min(allowance.max, allowance.left + amount);
}

function spend(allowance: Allowance, fault: string, reason: ConnectionEndReason): void {
  allowance.left -= 1;
  allowance.spent += 1;
  if (allowance.left < 0) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, fault, reason);
}
