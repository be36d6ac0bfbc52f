import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { streamConflict } from '../errors.ts';

const delayMs = { first: 2, most: 100 };

/**
 * Runs a change again, from its reading on, while others that came first make it fail with `STREAM_CONFLICT`: until it
 * succeeds or `signal`, the caller's deadline, aborts; then the last conflict is passed on. Waits a random time in
 * between, which grows.
 */
export async function retryOnConflict<T>(clock: Clock, signal: AbortSignal, change: () => Promise<T>): Promise<T> {
  for (let ceilingMs = delayMs.first; ; ceilingMs = Math.min(2 * ceilingMs, delayMs.most)) {
    try {
      return await change();
    } catch (error) {
      if (!streamConflict.is(error) || signal.aborted) throw error;
      await sleep(clock, Math.random() * ceilingMs, signal);
      if (signal.aborted) throw error;
    }
  }
}
