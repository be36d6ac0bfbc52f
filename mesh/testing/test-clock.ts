import type { Clock } from '../time/clock.ts';

/** A clock that stands still until a test turns it. */
export interface TestClock extends Clock {
  /** Lets time pass: what falls due on the way is called in order, each at its own time. */
  advance(byMs: number): void;
  /** Sets what it shows forward, or back, without any time passing: as an operator or NTP does with a machine's clock. */
  shift(byMs: number): void;
  /** The delays, from now, of what waits to be called; the nearest first. */
  pendingMs(): number[];
}

interface Timer {
  readonly dueMs: number;
  readonly action: () => void;
}

/** Makes a clock that shows `startMs`; default is a moment in 2026. */
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
