import { backoff } from '../../../../time/backoff.ts';

const reconnectDelayMs = backoff({ firstMs: 100, maxMs: 1_000 });

/** Until when not to connect, after attempts that failed. */
export class ReconnectDelay {
  #failures = 0;
  #untilMs = 0;

  failed(nowMs: number): void {
    this.#failures += 1;
    this.#untilMs = nowMs + reconnectDelayMs(this.#failures);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#untilMs = 0;
  }

  /** Whether it is too early to connect. */
  holds(nowMs: number): boolean {
    return nowMs < this.#untilMs;
  }

  /** For how long it is too early, in milliseconds. */
  leftMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs);
  }
}
