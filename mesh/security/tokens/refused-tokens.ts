import { createHash } from 'node:crypto';
import type { RefusalKind, TokenRefusal } from './token-refusal.ts';

const maxTokens = 10_000;
const keptMs = 10_000;

/** The others cost little, or may end: a key may become known, and time passes. */
const lasting: ReadonlySet<RefusalKind> = new Set(['signature', 'issuer', 'audience', 'expired', 'claims']);

/** Keeps for 10 s which tokens were refused after their signature was verified, so the same one costs that once. */
export class RefusedTokens {
  readonly #refusals = new Map<string, { readonly refusal: TokenRefusal; readonly endMs: number }>();

  /** `nowMs`: of a clock that never goes back. */
  get(token: string, nowMs: number): TokenRefusal | undefined {
    if (this.#refusals.size === 0) return undefined;
    const known = this.#refusals.get(digestOf(token));
    return known !== undefined && known.endMs > nowMs ? known.refusal : undefined;
  }

  add(token: string, refusal: TokenRefusal, nowMs: number): void {
    if (!lasting.has(refusal.kind)) return;
    const [oldest] = this.#refusals.keys();
    if (this.#refusals.size >= maxTokens && oldest !== undefined) this.#refusals.delete(oldest);
    this.#refusals.set(digestOf(token), { refusal, endMs: nowMs + keptMs });
  }

  /** Called when keys have changed. */
  clear(): void {
    this.#refusals.clear();
  }
}

/** Tokens may have 8 KiB. */
function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
