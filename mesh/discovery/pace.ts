import type { Clock } from '../time/clock.ts';

/**
 * Returns a function that returns how long to wait before the next question about `name`: `burst` without a wait, then one a
 * second, also after failures. A registry that answers any question immediately must not be asked in a loop.
 */
export function createPaces(clock: Clock, burst: number): (name: string) => number {
  const paces = new Map<string, { allowance: number; lastMs: number }>();
  return (name) => {
    const nowMs = clock.elapsedMs();
    const pace = paces.get(name) ?? { allowance: burst, lastMs: nowMs };
    paces.set(name, pace);
    pace.allowance = Math.min(pace.allowance + (nowMs - pace.lastMs) / 1000, burst) - 1;
    pace.lastMs = nowMs;
    return Math.max(-pace.allowance * 1000, 0);
  };
}
