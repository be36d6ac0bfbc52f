import type { ExpiringSubject } from './check-claims.ts';

/**
 * Keeps what was verified, by the text of the token. Bounded: when the newer half is full, the older one is dropped;
 * what is used moves from it to the newer half.
 */
export class TokenCache {
  readonly #maxOfHalf: number;
  #newer = new Map<string, ExpiringSubject>();
  #older = new Map<string, ExpiringSubject>();

  /** `maxTokens` with at most 8 KiB each may be in memory. */
  constructor(maxTokens: number) {
    this.#maxOfHalf = Math.ceil(maxTokens / 2);
  }

  /** Returns whom a token names, if it was verified before and has not expired by `nowMs`. */
  get(token: string, nowMs: number): ExpiringSubject | undefined {
    const subject = this.#newer.get(token) ?? this.#promote(token);
    if (subject === undefined || subject.expiresMs > nowMs) return subject;
    this.#newer.delete(token);
    return undefined;
  }

  set(token: string, subject: ExpiringSubject): void {
    if (this.#newer.size >= this.#maxOfHalf) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(token, subject);
  }

  /** How many tokens it has. */
  get size(): number {
    return this.#newer.size + this.#older.size;
  }

  clear(): void {
    this.#newer.clear();
    this.#older.clear();
  }

  #promote(token: string): ExpiringSubject | undefined {
    const subject = this.#older.get(token);
    if (subject === undefined) return undefined;
    this.#older.delete(token);
    this.set(token, subject);
    return subject;
  }
}
