const firstMs = 100;
const mostMs = 1_000;

/** How long to wait before another attempt to connect: 0.1 s after the first that failed, twice as long each time, up to 1 s. */
export class Backoff {
  #failures = 0;
  #untilMs = 0;

  failed(nowMs: number): void {
    this.#untilMs = nowMs + Math.min(firstMs * 2 ** this.#failures, mostMs);
    this.#failures += 1;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#untilMs = 0;
  }

  /** Whether it is too early. */
  holds(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  /** How long it is too early, in milliseconds. */
  leftMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs);
  }
}
