import { Status } from 'nice-grpc-common';
import type { MethodContract } from '../../contract/contract.ts';
import type { TransportCall } from '../../engines/engine.ts';
import { backoff } from '../../time/backoff.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { CallError } from '../call-error.ts';
import { cancelledWhileWaiting } from '../errors.ts';
import type { RetryBudget } from './retry-budget.ts';

/** What retrying depends on. */
export interface RetryOptions {
  /** Tries in all; 1 for what must not be repeated. */
  readonly maxAttempts: number;
  readonly budget: RetryBudget;
  readonly clock: Clock;
}

const retryDelayMs = backoff({ firstMs: 100, maxMs: 2_000, jitter: [0.8, 1.2] });
const longestTimerMs = 2 ** 31 - 1;

/** How often a method may be tried in all: its contract's `maxAttempts` if it can be repeated, otherwise once. */
export function maxAttempts({ idempotency, maxAttempts }: MethodContract): number {
  return idempotency === 'none' ? 1 : maxAttempts;
}

/**
 * Runs `attempt` until it succeeds, fails with something else than UNAVAILABLE, or may not be tried again: tries, budget
 * and time are bounded. Waits 100 ms, growing twofold to 2 s, ±20 %, or as long as the server asks for.
 */
export async function retry<T>(attempt: () => Promise<T>, call: TransportCall, options: RetryOptions): Promise<T> {
  const { budget, clock } = options;
  for (let tried = 1; ; tried++) {
    try {
      const result = await attempt();
      budget.succeeded();
      return result;
    } catch (error) {
      if (!mayHelp(error)) throw error;
      budget.failed();
      const delayMs = delayBefore(error, tried);
      if (tried >= options.maxAttempts || !budget.allowsRetry() || !fits(delayMs, call, clock)) throw error;
      if (!(await waited(delayMs, call.signal, clock))) throw cancelledWhileWaiting(undefined, { cause: error });
    }
  }
}

// When nothing was sent, since the breaker is open or there is nowhere to go, the error is no CallError yet.
function mayHelp(error: unknown): error is CallError {
  return error instanceof CallError && error.code === Status.UNAVAILABLE;
}

/** Infinite when the server forbids another try. */
function delayBefore(error: CallError, tried: number): number {
  const pushback = error.trailer?.get('grpc-retry-pushback-ms');
  if (pushback !== undefined) return /^\d+$/.test(String(pushback)) ? Number(pushback) : Number.POSITIVE_INFINITY;
  return Math.max(retryDelayMs(tried), error.retryAfterMs ?? 0);
}

function fits(delayMs: number, { deadlineMs }: TransportCall, clock: Clock): boolean {
  return delayMs < (deadlineMs ?? Number.POSITIVE_INFINITY) - clock.now();
}

/** Returns false if the call was cancelled meanwhile. */
async function waited(delayMs: number, signal: AbortSignal | undefined, clock: Clock): Promise<boolean> {
  // The clock keeps no process alive, but a program that does nothing else waits for this call.
  const keepAlive = setInterval(() => undefined, longestTimerMs);
  await sleep(clock, delayMs, signal);
  clearInterval(keepAlive);
  return !signal?.aborted;
}
