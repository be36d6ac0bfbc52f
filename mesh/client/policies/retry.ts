import type { Status } from 'nice-grpc-common';
import type { MethodContract } from '../../contract/contract.ts';
import type { TransportCall } from '../../engines/engine.ts';
import { type Backoff, backoff } from '../../time/backoff.ts';
import type { Clock } from '../../time/clock.ts';
import { sleepAlive } from '../../time/sleep.ts';
import { CallError } from '../call-error.ts';
import { cancelledWhileWaiting } from '../errors.ts';

/** How a client retries calls. The contract says which methods it retries, and after which codes: usually UNAVAILABLE. */
export interface RetrySettings {
  /** Maximum attempts, the first included; 1 switches retries off. Default: `max_attempts` of the method's contract. */
  readonly maxAttempts?: number;
  /** The delay before the first retry, in milliseconds; it doubles with each further retry. Default: 100 ms. */
  readonly firstDelayMs?: number;
  /** The maximum delay, in milliseconds; a server may ask for a longer one. Default: 2 s. */
  readonly maxDelayMs?: number;
}

export interface RetryOptions {
  /** Maximum attempts, the first included; 1 for what must not be repeated. */
  readonly maxAttempts: number;
  /** The codes after which another attempt is made. */
  readonly retryable: ReadonlySet<Status>;
  readonly delayMs: Backoff;
  readonly budget: RetryBudget;
  readonly clock: Clock;
}

/** Returns the attempts that a call of a method may take: 1 unless its contract marks it as repeatable. */
export function maxAttempts(
  contract: MethodContract,
  { maxAttempts = contract.maxAttempts }: RetrySettings = {},
): number {
  return contract.idempotency === 'none' ? 1 : maxAttempts;
}

/** Returns the delays between attempts, ±20 %. */
export function retryDelay({ firstDelayMs = 100, maxDelayMs = 2_000 }: RetrySettings = {}): Backoff {
  return backoff({ firstMs: firstDelayMs, maxMs: maxDelayMs, jitter: [0.8, 1.2] });
}

/**
 * Runs `attempt` until it succeeds, fails with a code that is not retryable, or attempts, budget or time are used up.
 * Waits in between for `delayMs`, or as long as the server asks for. `isFree` returns whether a failure takes nothing from the
 * budget.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  call: TransportCall,
  options: RetryOptions,
  isFree: (error: CallError) => boolean = () => false,
): Promise<T> {
  const { retryable, budget, clock } = options;
  for (let attempts = 1; ; attempts++) {
    try {
      const result = await attempt();
      budget.succeeded();
      return result;
    } catch (error) {
      // If nothing was sent, because the breaker is open or there is no address, the error is not a CallError yet.
      if (!(error instanceof CallError) || !retryable.has(error.code)) throw error;
      const free = isFree(error);
      if (!free) budget.failed();
      const delayMs = delayAfter(error, options.delayMs(attempts));
      const isLast = attempts >= options.maxAttempts || !(free || budget.allowsRetry());
      if (isLast || !hasTimeFor(delayMs, call, clock)) throw error;
      await sleepAlive(clock, delayMs, call.signal);
      if (call.signal?.aborted) throw cancelledWhileWaiting(undefined, { cause: error });
    }
  }
}

/** Infinite if the server forbids another attempt. */
function delayAfter(error: CallError, delayMs: number): number {
  const pushback = error.trailer?.get('grpc-retry-pushback-ms');
  if (pushback !== undefined) return /^\d+$/.test(String(pushback)) ? Number(pushback) : Number.POSITIVE_INFINITY;
  return Math.max(delayMs, error.retryAfterMs ?? 0);
}

function hasTimeFor(delayMs: number, { deadlineMs }: TransportCall, clock: Clock): boolean {
  return delayMs < (deadlineMs ?? Number.POSITIVE_INFINITY) - clock.now();
}

/** Bounds how much of a service's load may be retries, as gRPC's retry throttling does (gRFC A6). */
export interface RetryBudget {
  /** An attempt succeeded. */
  succeeded(): void;
  /** An attempt failed and may be retried. */
  failed(): void;
  /** Whether more than half of the tokens is left. */
  allowsRetry(): boolean;
}

const maxTokens = 10;
const tokensPerSuccess = 0.1;

/** Creates a full budget: 10 tokens. A failure takes one, a success gives 0.1, and retries stop at half. */
export function createRetryBudget(): RetryBudget {
  let tokens = maxTokens;
  return {
    succeeded() {
      tokens = Math.min(maxTokens, tokens + tokensPerSuccess);
    },
    failed() {
      tokens = Math.max(0, tokens - 1);
    },
    allowsRetry: () => tokens > maxTokens / 2,
  };
}
