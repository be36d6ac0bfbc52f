import { type RetryBudget, retryDelay } from '../client/policies/retry.ts';
import { tlsAdvice } from '../errors/tls-advice.ts';
import { responseLost, serverUnreachable } from './errors.ts';
import type { RestError } from './rest-error.ts';

const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Whether a server acts once for all attempts of a call (RFC 9110, 9.2.2). */
export function isIdempotent(method: string, headers: Readonly<Record<string, string>>): boolean {
  return idempotentMethods.has(method) || (headers['idempotency-key'] ?? '') !== '';
}

/** 501 and 505 say that the server will never do it. */
const final: ReadonlySet<number> = new Set([501, 505]);

/** Whether another attempt may succeed. */
function isRepeatable(error: RestError): boolean {
  const { status } = error;
  if (status === undefined) {
    // A certificate does not become valid by asking again.
    return responseLost.is(error) || (serverUnreachable.is(error) && tlsAdvice(error, '') === undefined);
  }
  // 409 with a time to wait: an earlier attempt with this key is still being worked on.
  if (status === 409) return error.retryAfterMs !== undefined;
  return status === 429 || (status >= 500 && !final.has(status));
}

/** The attempts of one call after its first. */
export interface Repetition {
  /**
   * Whether a failed attempt is followed by another: if it may succeed, and attempts, budget and time are left for it. A server
   * that asks for a longer pause than the deadline allows ends the call at once.
   */
  mayRepeat(error: RestError): boolean;
  /** The time to wait before the next attempt. */
  readonly delayMs: number;
}

export interface RepetitionOptions {
  readonly isIdempotent: boolean;
  readonly maxAttempts: number;
  readonly firstDelayMs: number;
  readonly budget: RetryBudget;
  readonly leftMs: () => number;
}

export function createRepetition(options: RepetitionOptions): Repetition {
  const { budget, maxAttempts, leftMs } = options;
  const growing = retryDelay({ firstDelayMs: options.firstDelayMs });
  let failures = 0;
  let delayMs = 0;
  return {
    mayRepeat(error) {
      failures += 1;
      if (!isRepeatable(error)) return false;
      budget.failed();
      if (!options.isIdempotent || failures >= maxAttempts || !budget.allowsRetry()) return false;
      delayMs = Math.max(growing(failures), error.retryAfterMs ?? 0);
      return delayMs < leftMs();
    },
    get delayMs() {
      return delayMs;
    },
  };
}
