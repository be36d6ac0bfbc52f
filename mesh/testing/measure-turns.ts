import { setImmediate } from 'node:timers/promises';

/** The processor time that some work took, and the most of it without a turn of the event loop, in milliseconds. */
export interface Turns {
  readonly totalMs: number;
  readonly longestMs: number;
}

/**
 * Runs work and measures how it shares the event loop, in processor time of this thread: other programs and the disk do not
 * count.
 */
export async function measureTurns(work: () => Promise<unknown>): Promise<Turns> {
  // Its own first turn does not count.
  await setImmediate();
  const startMs = processorMs();
  let ended = false;
  let [turnMs, longestMs] = [startMs, 0];
  const running = work().finally(() => {
    ended = true;
  });
  while (!ended) {
    await setImmediate();
    const nowMs = processorMs();
    longestMs = Math.max(longestMs, nowMs - turnMs);
    turnMs = nowMs;
  }
  await running;
  return { totalMs: processorMs() - startMs, longestMs };
}

function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}
