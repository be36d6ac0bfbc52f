/** Wakes one loop that sleeps while it has nothing to do. */
export interface Wakeup {
  /** Ends the wait under way or, when there is none, the next one. */
  ring(): void;
  /** Resolves at the next ring, immediately when it rang since the last wait. For one waiter at a time. */
  wait(): Promise<void>;
}

/** Makes a wakeup that has not rung yet. */
export function createWakeup(): Wakeup {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait() {
      if (!rung) await new Promise<void>((resolve) => (wake = resolve));
      wake = undefined;
      rung = false;
    },
  };
}
