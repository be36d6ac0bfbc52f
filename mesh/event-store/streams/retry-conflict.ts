import { backoff } from '../../time/backoff.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { streamConflict } from '../errors.ts';

const retryDelayMs = backoff({ firstMs: 2, maxMs: 100, jitter: [0, 1] });

/**
 * Runs a change again, from its reading on, while others that came first make it fail with `STREAM_CONFLICT`: until it
 * succeeds or `signal`, the caller's deadline, aborts; then the last conflict is passed on. Waits a random time in
 * between, which grows.
 */
export async function retryOnConflict<T>(clock: Clock, signal: AbortSignal, change: () => Promise<T>): Promise<T> {
  for (let conflicts = 1; ; conflicts += 1) {
    try {
      return await change();
    } catch (error) {
      if (!streamConflict.is(error) || signal.aborted) throw error;
      await sleep(clock, retryDelayMs(conflicts), signal);
      if (signal.aborted) throw error;
    }
  }
}
