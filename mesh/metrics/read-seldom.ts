import type { Clock } from '../time/clock.ts';

const minAgeMs = 1_000;
/** A reading is kept for this many times as long as it took. */
const keptPerTaken = 20;

/**
 * Returns a function that calls `read` at most once a second, and so seldom that reading takes at most a twentieth of the time.
 * In between it resolves with the last result. Callers share a reading in progress. A failure is not kept.
 */
export function readSeldom<Result>(read: () => Promise<Result>, clock: Clock): () => Promise<Result> {
  let last: { readonly result: Promise<Result>; readonly untilMs: number } | undefined;
  let reading: Promise<Result> | undefined;

  async function readNow(): Promise<Result> {
    const startMs = clock.elapsedMs();
    try {
      const result = await read();
      const endMs = clock.elapsedMs();
      last = { result: Promise.resolve(result), untilMs: endMs + Math.max(minAgeMs, (endMs - startMs) * keptPerTaken) };
      return result;
    } finally {
      reading = undefined;
    }
  }

  return () => {
    if (last && clock.elapsedMs() < last.untilMs) return last.result;
    reading ??= readNow();
    return reading;
  };
}
