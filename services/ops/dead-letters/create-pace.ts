import { type Clock, sleep } from '#mesh';

/** Hands out turns at a bounded rate to all who share it. */
export interface Pace {
  /**
   * Resolves with true when it is the caller's turn. Resolves with false, immediately and without using one, when the next
   * turn is later than `untilMs` of `elapsedMs`; rejects when `signal` aborts while it waits.
   */
  turn(untilMs: number, signal: AbortSignal): Promise<boolean>;
}

/** Makes a pace of at most `perSecond` turns a second. What was not used is not made up for later. */
export function createPace(clock: Clock, perSecond: number): Pace {
  const intervalMs = 1_000 / perSecond;
  let nextMs = 0;
  return {
    async turn(untilMs, signal) {
      const nowMs = clock.elapsedMs();
      const turnMs = Math.max(nowMs, nextMs);
      if (turnMs > untilMs) return false;
      nextMs = turnMs + intervalMs;
      if (turnMs > nowMs) await sleep(clock, turnMs - nowMs, signal);
      signal.throwIfAborted();
      return true;
    },
  };
}
