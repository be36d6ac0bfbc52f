import { setImmediate } from 'node:timers/promises';

/**
 * Returns a function for long work to await now and then: it yields to the event loop when `maxMs` have passed since it last
 * did. Default: 5 ms. Awaiting SQLite alone does not yield, because it answers in the same turn of the event loop.
 */
export function yieldEvery(maxMs = 5): () => Promise<void> {
  let sinceMs = performance.now();
  return async () => {
    if (performance.now() - sinceMs < maxMs) return;
    await setImmediate();
    sinceMs = performance.now();
  };
}
