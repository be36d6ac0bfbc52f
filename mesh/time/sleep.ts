import type { Clock } from './clock.ts';

/** Resolves after `delayMs`, or as soon as `signal` aborts; immediately if it has aborted. Never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      cancel();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(delayMs, end);
    signal?.addEventListener('abort', end);
  });
}

// Node's longest timer.
const longestTimerMs = 2 ** 31 - 1;

/** Sleeps, and keeps a process alive that does nothing else: timers of a clock do not. */
export async function sleepAlive(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  const keepAlive = setInterval(() => undefined, longestTimerMs);
  await sleep(clock, delayMs, signal);
  clearInterval(keepAlive);
}
