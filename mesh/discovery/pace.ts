import type { Clock } from '../time/clock.ts';

/** A restart of one instance changes its entry about four times. */
const burst = 10;

/**
 * Returns a function that returns how long to wait before each next question to a registry: ten without a wait, then one a
 * second. A registry that answers immediately whatever it is asked must not be asked in a loop.
 */
export function createPace(clock: Clock): () => number {
  let allowance = burst - 1;
  let lastMs = clock.elapsedMs();
  return () => {
    const nowMs = clock.elapsedMs();
    allowance = Math.min(allowance + (nowMs - lastMs) / 1000, burst) - 1;
    lastMs = nowMs;
    return Math.max(-allowance * 1000, 0);
  };
}
