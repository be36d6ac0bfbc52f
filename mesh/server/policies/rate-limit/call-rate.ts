import type { Rate } from '../../../contract/contract.ts';

/** Callers that are remembered at a time. One that is forgotten has its whole burst again. */
const maxCallers = 10_000;

/**
 * Limits how often each caller may call one method: a token bucket for each, of `burst` calls, filled by `perSecond`.
 * Remembers the most recent callers only, and for each one number (GCRA): the time at which its bucket is full again.
 * So it needs no timers, a call takes constant time, and memory has a limit.
 */
export class CallRate {
  readonly #intervalMs: number;
  readonly #burstMs: number;
  readonly #fullMs = new Map<string, number>();

  constructor({ perSecond, burst }: Rate) {
    this.#intervalMs = 1_000 / perSecond;
    this.#burstMs = burst * this.#intervalMs;
  }

  /** How many callers it remembers. */
  get callers(): number {
    return this.#fullMs.size;
  }

  /**
   * Takes a call of `caller` from its bucket, which is `factor` times as large and fast. Returns 0, or the milliseconds
   * until it has the next one; then it has taken nothing. `nowMs` never goes back.
   */
  take(caller: string, nowMs: number, factor = 1): number {
    const fullMs = Math.max(this.#fullMs.get(caller) ?? 0, nowMs);
    const laterMs = fullMs + this.#intervalMs / factor;
    const waitMs = laterMs - nowMs - this.#burstMs;
    // Rounding must not refuse the last call of a burst.
    const isRefused = waitMs > 1e-6;
    // Moved to the end: the first is the one that called least recently.
    this.#fullMs.delete(caller);
    this.#fullMs.set(caller, isRefused ? fullMs : laterMs);
    if (this.#fullMs.size > maxCallers) this.#fullMs.delete(this.#fullMs.keys().next().value ?? '');
    return isRefused ? waitMs : 0;
  }
}
