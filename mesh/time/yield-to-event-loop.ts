import { setImmediate } from 'node:timers/promises';

/**
 * Makes what long work calls now and then, so that it does not hold the event loop for more than `maxMs` at a time; default
 * is 5. SQLite answers within the turn, so that awaiting it lets nobody else in.
 */
export function yieldEvery(maxMs = 5): () => Promise<void> {
  let sinceMs = performance.now();
  return async () => {
    if (performance.now() - sinceMs < maxMs) return;
    await setImmediate();
    sinceMs = performance.now();
  };
}
