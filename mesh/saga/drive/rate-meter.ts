import type { Clock } from '../../time/clock.ts';

/** Measures how many sagas this process finishes in a second when it has as many as it can drive. */
export interface RateMeter {
  /** A saga finished; its slot is already free. */
  noteFinished(): void;
  /** A call of a step or an undo had no definite answer. */
  noteUnanswered(): void;
  /** A slot is free and no saga waits for it, so what finishes now does not show what could. */
  noteIdle(): void;
  /** The moving average of what was measured; `assumedPerSecond` before that, at least `minPerSecond`. */
  perSecond(): number;
}

/** How many sagas a process is assumed to finish in a second before a backlog has shown it. */
export const assumedPerSecond = 50;
/** Less than this is not believed. */
export const minPerSecond = 10;

const windowMs = 1_000;
// A longer window was interrupted.
const maxWindowMs = 5_000;
const weight = 0.2;

/**
 * Learns only from windows of a second in which sagas waited for a slot all the time and most calls were answered: neither a
 * quiet hour nor an unavailable service makes a process look slow, so both leave it the backlog that it can finish
 * afterwards. `isIdle`: whether a slot is free that no saga waits for.
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
    if (!wasIdle && tookMs <= maxWindowMs && finished > unanswered) {
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
    perSecond: () => Math.max(average ?? assumedPerSecond, minPerSecond),
  };
}
