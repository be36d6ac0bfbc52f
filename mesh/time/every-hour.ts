import { isInfrastructureFault } from '../errors/codes.ts';
import { backoff } from './backoff.ts';
import type { Clock } from './clock.ts';
import { sleep } from './sleep.ts';

const hourMs = 60 * 60 * 1000;

/** While a database or a broker is away or still starting. */
const soonMs = backoff({ firstMs: 5_000, maxMs: 5 * 60 * 1000 });
/** After more than a minute. Whatever else needs the database or the broker reports its outage earlier. */
const reportedFailure = 5;

/** What `everyHour` runs, and until when. */
export interface HourlyWork {
  readonly run: () => Promise<void>;
  /**
   * Called with what `run` threw before `signal` aborted, and with when it runs again. An infrastructure fault counts once, and
   * only if it lasts more than a minute.
   */
  readonly onFailure: (error: unknown, again: 'soon' | 'in an hour') => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Runs work now and every hour, until `signal` aborts. Resolves then. After an infrastructure fault, the work runs again after 5 s,
 * and after growing delays of up to 5 minutes while the fault lasts.
 */
export async function everyHour({ run, onFailure, clock, signal }: HourlyWork): Promise<void> {
  let faults = 0;
  while (!signal.aborted) {
    let delayMs = hourMs;
    try {
      await run();
      faults = 0;
    } catch (error) {
      if (signal.aborted) return;
      const isFault = isInfrastructureFault(error);
      faults = isFault ? faults + 1 : 0;
      if (isFault) delayMs = soonMs(faults);
      if (!isFault || faults === reportedFailure) onFailure(error, isFault ? 'soon' : 'in an hour');
    }
    await sleep(clock, delayMs, signal);
  }
}
