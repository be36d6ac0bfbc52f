import { backoff } from '../../time/backoff.ts';

/** How delays grow: `initialMs`, twice that, ... up to `maxMs`. */
export interface RetryPolicy {
  readonly initialMs: number;
  readonly maxMs: number;
}

const spread = 0.2;

/** The delay after attempt number `attempt` (from 1), times `jitter`. */
export function retryDelayMs(policy: RetryPolicy, attempt: number, jitter: number): number {
  return Math.round(backoff({ firstMs: policy.initialMs, maxMs: policy.maxMs })(attempt) * jitter);
}

/** The longest possible delay. */
export function longestDelayMs(policy: RetryPolicy): number {
  return Math.round(policy.maxMs * (1 + spread));
}

/** A factor of 0.8 to 1.2, so sagas that failed together do not retry together. */
export function randomJitter(): number {
  return 1 - spread + 2 * spread * Math.random();
}
