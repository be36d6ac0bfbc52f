/** How waits grow: `initialMs`, twice that, ... up to `maxMs`. */
export interface RetryPolicy {
  readonly initialMs: number;
  readonly maxMs: number;
}

/** The wait after try number `attempt` (from 1), times `jitter`. */
export function retryDelayMs(policy: RetryPolicy, attempt: number, jitter: number): number {
  return Math.round(Math.min(policy.initialMs * 2 ** (attempt - 1), policy.maxMs) * jitter);
}

/** A factor of 0.8 to 1.2, so that sagas that failed together do not come back together. */
export function randomJitter(): number {
  return 0.8 + 0.4 * Math.random();
}
