/** How the delays between attempts grow. */
export interface BackoffOptions {
  /** The delay after the first failure, in milliseconds. It doubles with each further failure. */
  readonly firstMs: number;
  /** The maximum delay, before jitter. */
  readonly maxMs: number;
  /** The range of the random factor of each delay, so callers that failed together do not retry together. Default: none. */
  readonly jitter?: readonly [min: number, max: number];
}

/** The delay before the next attempt, in milliseconds, after this number of failures (from 1). */
export type Backoff = (failures: number) => number;

/** Makes delays that double from `firstMs` to `maxMs`. */
export function backoff({ firstMs, maxMs, jitter }: BackoffOptions): Backoff {
  const delayMs = (failures: number) => Math.min(firstMs * 2 ** (failures - 1), maxMs);
  if (!jitter) return delayMs;
  const [min, max] = jitter;
  return (failures) => delayMs(failures) * (min + (max - min) * Math.random());
}
