/** The constants of the choice between endpoints, with their sources. */
export const loadConstants = {
  /**
   * After this time, 37 % of a latency is left of the average. Ours. Finagle and Linkerd have 10 s, with which an instance that
   * was slow gets its share back only after half a minute.
   */
  decayMs: 1_000,
  /** An endpoint that got no call for so long is chosen next. go-zero: 1 s. */
  unusedMs: 1_000,
  /** The cost of an endpoint that has open calls and has answered none so far: above any latency. As Finagle's penalty. */
  penaltyMs: 1_000_000_000,
  /** A call that failed because of its endpoint counts as slow as this, or as slow as it was: a failure is often fast. Ours. */
  faultMs: 1_000,
} as const;

/**
 * What the next call to an endpoint is expected to cost: an average of its latencies that takes peaks immediately and forgets
 * them slowly (peak EWMA), times the calls that would then be open. Times are of a clock that only goes forward.
 */
export class Load {
  #averageMs = 0;
  /** When the last latency was measured; `undefined` if there is none. */
  #measuredMs: number | undefined;
  #usedMs = Number.NEGATIVE_INFINITY;
  #open = 0;

  /** The calls that are open. */
  get open(): number {
    return this.#open;
  }

  /** A call begins. */
  begin(nowMs: number): void {
    this.#open += 1;
    this.#usedMs = nowMs;
  }

  /** A call has ended. `latencyMs`: `undefined` if it says nothing about the endpoint. */
  end(latencyMs: number | undefined, nowMs: number): void {
    this.#open -= 1;
    if (latencyMs !== undefined) this.#measure(latencyMs, nowMs);
  }

  /** A call was given up after this time: its answer would have taken longer. */
  givenUp(afterMs: number, nowMs: number): void {
    const averageMs = this.#measuredMs === undefined ? 0 : this.#averageMs * decay(nowMs - this.#measuredMs);
    this.end(afterMs > averageMs ? afterMs : undefined, nowMs);
  }

  /** Forgets all latencies: the endpoint is no longer what it was. */
  forget(): void {
    this.#measuredMs = undefined;
    this.#usedMs = Number.NEGATIVE_INFINITY;
  }

  cost(nowMs: number): number {
    if (this.#measuredMs === undefined) return this.#open === 0 ? 0 : loadConstants.penaltyMs + this.#open;
    return this.#averageMs * decay(nowMs - this.#measuredMs) * (this.#open + 1);
  }

  /** Since when it got no call, if that is so long ago that it is time for one; otherwise infinite. */
  unusedSinceMs(nowMs: number): number {
    const isUnused = this.#open === 0 && nowMs - this.#usedMs >= loadConstants.unusedMs;
    return isUnused ? this.#usedMs : Number.POSITIVE_INFINITY;
  }

  #measure(latencyMs: number, nowMs: number): void {
    const sinceMs = nowMs - (this.#measuredMs ?? Number.NEGATIVE_INFINITY);
    this.#measuredMs = nowMs;
    // After a while without any, the past says less than one call: an endpoint that was slow gets its share back.
    const weight = sinceMs >= loadConstants.unusedMs ? 0 : decay(sinceMs);
    const rest = this.#averageMs * weight;
    this.#averageMs = latencyMs > rest ? latencyMs : rest + latencyMs * (1 - weight);
  }
}

function decay(ms: number): number {
  return Math.exp(-ms / loadConstants.decayMs);
}
