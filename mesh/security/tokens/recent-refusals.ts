const maxKeys = 10_000;
const keptMs = 60_000;

/** Who sent a token with a wrong signature in the last minute: addresses and connections. Bounded: the oldest go. */
export class RecentRefusals {
  readonly #lastMs = new Map<string, number>();

  /** `nowMs`: of a clock that never goes back. */
  add(key: string, nowMs: number): void {
    this.#lastMs.delete(key);
    const [oldest] = this.#lastMs.keys();
    if (this.#lastMs.size >= maxKeys && oldest !== undefined) this.#lastMs.delete(oldest);
    this.#lastMs.set(key, nowMs);
  }

  has(key: string, nowMs: number): boolean {
    const lastMs = this.#lastMs.get(key);
    if (lastMs === undefined) return false;
    if (nowMs - lastMs < keptMs) return true;
    this.#lastMs.delete(key);
    return false;
  }
}
