import { type Clock, sleep } from '#mesh';

/** Grants turns at a bounded rate to all callers together. */
export interface Pace {
  /**
   * Resolves with true when it is the caller's turn. Resolves with false immediately, and uses no turn, if the next turn is
   * later than `untilMs` (of `elapsedMs`). Rejects when `signal` aborts while it waits.
   */
  turn(untilMs: number, signal: AbortSignal): Promise<boolean>;
}

/** Creates a pace of at most `perSecond` turns a second. Unused turns are lost. */
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
