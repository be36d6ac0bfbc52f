import type { Clock } from '../../time/clock.ts';

/** Measures how many sagas this process finishes in a second when it has as many as it can drive. */
export interface RateMeter {
  /** A saga finished; its slot is free already. */
  noteFinished(): void;
  /** A call of a step or an undo had no definite answer. */
  noteUnanswered(): void;
  /** A slot is free and no saga waits for it, so what is finished now says nothing about what could be. */
  noteIdle(): void;
  /** The moving average of what was measured; `assumedPerSecond` before, never less than `leastPerSecond`. */
  perSecond(): number;
}

/** What a process is taken to finish in a second before it had a backlog to show it. */
export const assumedPerSecond = 50;
/** As little as this is never believed: 10 a second. */
export const leastPerSecond = 10;

const windowMs = 1_000;
// Longer than this, a window has been interrupted.
const longestWindowMs = 5_000;
const weight = 0.2;

/**
 * Makes a meter. It only learns from windows of a second in which sagas waited for a slot all the time and most calls were
 * answered: neither a quiet hour nor a service that is away makes a process look slow, so that both leave it the backlog
 * that it can work off afterwards. `isIdle`: whether a slot is free now that no saga waits for.
 */
export function createRateMeter(clock: Clock, isIdle: () => boolean): RateMeter {
  let average: number | undefined;
  let startMs = clock.elapsedMs();
  let finished = 0;
  let unanswered = 0;
  let wasIdle = true;

  function close(): void {
    wasIdle ||= isIdle();
    const tookMs = clock.elapsedMs() - startMs;
    if (tookMs < windowMs) return;
    if (!wasIdle && tookMs <= longestWindowMs && finished > unanswered) {
      const measured = (finished / tookMs) * 1_000;
      average = average === undefined ? measured : average + weight * (measured - average);
    }
    startMs = clock.elapsedMs();
    finished = 0;
    unanswered = 0;
    wasIdle = isIdle();
  }

  return {
    noteFinished() {
      finished += 1;
      close();
    },
    noteUnanswered() {
      unanswered += 1;
      close();
    },
    noteIdle() {
      close();
      wasIdle = true;
    },
    perSecond: () => Math.max(average ?? assumedPerSecond, leastPerSecond),
  };
}
