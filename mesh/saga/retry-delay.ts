/** How waits grow: `initialMs`, twice that, ... up to `maxMs`. */
export interface RetryPolicy {
  readonly initialMs: number;
  readonly maxMs: number;
}

const spread = 0.2;

/** The wait after try number `attempt` (from 1), times `jitter`. */
export function retryDelayMs(policy: RetryPolicy, attempt: number, jitter: number): number {
  return Math.round(Math.min(policy.initialMs * 2 ** (attempt - 1), policy.maxMs) * jitter);
}

/** The longest wait that there can be. */
export function longestDelayMs(policy: RetryPolicy): number {
  return Math.round(policy.maxMs * (1 + spread));
}

/** A factor of 0.8 to 1.2, so that sagas that failed together do not come back together. */
export function randomJitter(): number {
  return 1 - spread + 2 * spread * Math.random();
}
