import { setImmediate } from 'node:timers/promises';

/** How many turns of the event loop a call takes from its arrival to its response. */
const turnsOfCall = 3;

/** Yields to the event loop until a call that has arrived can be answered, so it waits for one portion of long work only. */
export async function yieldToCalls(): Promise<void> {
  for (let turn = 0; turn < turnsOfCall; turn += 1) await setImmediate();
}

/**
 * Returns a function for long work to await now and then: it yields to calls when `maxMs` have passed since it last did.
 * Default: 3 ms. Awaiting SQLite alone does not yield, because it answers in the same turn of the event loop.
 */
export function yieldEvery(maxMs = 3): () => Promise<void> {
  let sinceMs = performance.now();
  return async () => {
    if (performance.now() - sinceMs < maxMs) return;
    await yieldToCalls();
    sinceMs = performance.now();
  };
}
