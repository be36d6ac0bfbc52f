/** How long to wait between tries: `firstMs`, then twice as long each time, at most `maxMs`. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** The wait after the given number of failed tries, in milliseconds. */
export function backoffDelayMs(backoff: Backoff, failures: number): number {
  return Math.min(backoff.firstMs * 2 ** (failures - 1), backoff.maxMs);
}
