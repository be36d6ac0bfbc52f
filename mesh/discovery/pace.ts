import type { Clock } from '../time/clock.ts';

/**
 * Returns a function that returns how long to wait before each next question to a registry: two at once, then one a second. A
 * registry that answers immediately whatever it is asked must not be asked in a loop.
 */
export function createPace(clock: Clock): () => number {
  let allowance = 1;
  let lastMs = clock.elapsedMs();
  return () => {
    const nowMs = clock.elapsedMs();
    allowance = Math.min(allowance + (nowMs - lastMs) / 1000, 2) - 1;
    lastMs = nowMs;
    return Math.max(-allowance * 1000, 0);
  };
}
