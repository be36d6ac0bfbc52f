import type { Clock } from '../time/clock.ts';

/** A clock that moves only when a test advances it. */
export interface TestClock extends Clock {
  /** Lets time pass. Timers fire in order, each at its own time. */
  advance(byMs: number): void;
  /** Changes the date without elapsed time, like an operator or NTP setting the machine's clock. */
  shift(byMs: number): void;
  /** Returns the remaining delays of all timers, shortest first. */
  pendingMs(): number[];
}

interface Timer {
  readonly dueMs: number;
  readonly action: () => void;
}

/** Creates a clock at `startMs`. Default: a date in 2026. */
export function createTestClock(startMs = 1_780_000_000_000): TestClock {
  let elapsedMs = 0;
  let offsetMs = startMs;
  const timers = new Set<Timer>();
  const byDue = () => [...timers].sort((a, b) => a.dueMs - b.dueMs);
  return {
    now: () => offsetMs + elapsedMs,
    elapsedMs: () => elapsedMs,
    after(delayMs, action) {
      const timer = { dueMs: elapsedMs + Math.max(0, delayMs), action };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(byMs) {
      const untilMs = elapsedMs + byMs;
      for (let [next] = byDue(); next && next.dueMs <= untilMs; [next] = byDue()) {
        timers.delete(next);
        elapsedMs = next.dueMs;
        next.action();
      }
      elapsedMs = untilMs;
    },
    shift(byMs) {
      offsetMs += byMs;
    },
    pendingMs: () => byDue().map((timer) => timer.dueMs - elapsedMs),
  };
}
