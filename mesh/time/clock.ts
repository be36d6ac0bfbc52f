/**
 * The time, as a parameter, so tests can set it. A deadline or a timestamp, which others read too, is a time of `now`. A
 * duration is measured with `elapsedMs`, which no one can set. Code whose tests need no other time, such as the engines and
 * loops that yield, follows the same rule without a clock: `Date.now` for deadlines, `performance.now` for durations.
 */
export interface Clock {
  /** Milliseconds since the epoch by the machine's clock. It can be wrong, and can be set forward or back. */
  now(): number;
  /** Milliseconds since an arbitrary moment of this process. Setting the machine's clock does not change it. */
  elapsedMs(): number;
  /**
   * Calls `action` once, after at least `delayMs` by `elapsedMs`, however long that is. The returned function cancels
   * that. Does not keep the process alive.
   */
  after(delayMs: number, action: () => void): () => void;
}

// Node fires a timer with a longer delay immediately.
const maxTimerMs = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsedMs: () => performance.now(),
  after(delayMs, action) {
    const dueMs = performance.now() + delayMs;
    let timer: NodeJS.Timeout;
    const plan = (ms: number) => {
      timer = setTimeout(fire, Math.min(ms, maxTimerMs)).unref();
    };
    const fire = () => {
      const leftMs = dueMs - performance.now();
      // Node counts whole milliseconds from the last one that began, so its timers fire up to one too early.
      if (leftMs > 0) plan(leftMs);
      else action();
    };
    plan(delayMs);
    return () => clearTimeout(timer);
  },
};
