import { setTimeout as delay } from 'node:timers/promises';

/** Runs `work` for 0 to `count - 1`, at most `limit` at a time, and returns all results in order. */
export async function runConcurrently<T>(
  count: number,
  limit: number,
  work: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  return results;
}

/** Starts `work` for 0 to `count - 1` at a fixed rate, even if earlier runs are not done yet. Waits for all of them. */
export async function runAtRate(
  count: number,
  perSecond: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  const startMs = performance.now();
  const running: Promise<unknown>[] = [];
  for (let index = 0; index < count; index += 1) {
    const waitMs = startMs + (index * 1_000) / perSecond - performance.now();
    if (waitMs > 0) await delay(waitMs);
    running.push(work(index));
  }
  await Promise.all(running);
}
