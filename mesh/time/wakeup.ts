import { setImmediate } from 'node:timers/promises';

/** Wakes one loop that sleeps while it has nothing to do. */
export interface Wakeup {
  /** Ends the current wait or, if there is none, the next one. */
  ring(): void;
  /** Resolves at the next ring; immediately if it rang since the last wait. Only one caller may wait at a time. */
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

// Each then works, so these limit how long others wait.
const maxPerTurn = 50;

/** Rings many, a number in each turn of the event loop. Resolves in a later turn than the last ring. */
export async function ringInTurns(rings: ReadonlySet<() => void>): Promise<void> {
  let rung = 0;
  for (const ring of [...rings]) {
    ring();
    rung += 1;
    if (rung % maxPerTurn === 0) await setImmediate();
  }
  if (rung % maxPerTurn !== 0) await setImmediate();
}
