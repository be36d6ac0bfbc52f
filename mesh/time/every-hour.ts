import type { Clock } from './clock.ts';
import { sleep } from './sleep.ts';

const hourMs = 60 * 60 * 1000;

/** What `everyHour` runs, and until when. */
export interface HourlyWork {
  readonly run: () => Promise<void>;
  /** Called with what `run` threw before `signal` aborted. It runs again in an hour. */
  readonly onFailure: (error: unknown) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Runs work now and every hour, until `signal` aborts. Resolves then. */
export async function everyHour({ run, onFailure, clock, signal }: HourlyWork): Promise<void> {
  while (!signal.aborted) {
    try {
      await run();
    } catch (error) {
      if (!signal.aborted) onFailure(error);
    }
    await sleep(clock, hourMs, signal);
  }
}
