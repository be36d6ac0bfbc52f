/** Time for everything in the mesh, so that tests can turn it. */
export interface Clock {
  /** Milliseconds since the epoch, as the machine's clock shows it: it can be wrong, and be set forward or back. */
  now(): number;
  /** Milliseconds that have passed since some moment of this process. Setting the machine's clock does not change it. */
  elapsedMs(): number;
  /** Calls `action` after `delayMs`, once; returns how to call that off. Keeps no process alive by itself. */
  after(delayMs: number, action: () => void): () => void;
}

// Node fires a timer with a longer delay at once.
const longestDelayMs = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsedMs: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, Math.min(delayMs, longestDelayMs));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
