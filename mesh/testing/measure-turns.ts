import { setImmediate } from 'node:timers/promises';

/** How long some work took, and the longest time for which it let nothing else run, in milliseconds. */
export interface Turns {
  readonly totalMs: number;
  readonly longestMs: number;
}

/** Runs work and measures how it shares the event loop. Compare the two: both grow on a busy machine. */
export async function measureTurns(work: () => Promise<unknown>): Promise<Turns> {
  // Its own first turn does not count.
  await setImmediate();
  const startMs = performance.now();
  let ended = false;
  let [turnMs, longestMs] = [startMs, 0];
  const running = work().finally(() => {
    ended = true;
  });
  while (!ended) {
    await setImmediate();
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - turnMs);
    turnMs = nowMs;
  }
  await running;
  return { totalMs: performance.now() - startMs, longestMs };
}
