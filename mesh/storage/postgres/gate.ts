import { closedError } from './errors.ts';

/** Lets calls in until it is closed. */
export interface Gate {
  /** Runs `action`; rejects with UNAVAILABLE `STORAGE_UNAVAILABLE` once it is closed. */
  enter<T>(action: () => Promise<T>): Promise<T>;
  /** Waits for what is under way, then runs `last`. */
  close(last: () => Promise<void>): Promise<void>;
}

/** An open gate. When what is under way takes longer than `patienceMs` after the closing, `abandon` has to end it. */
export function createGate(server: string, patienceMs: number, abandon: () => void): Gate {
  const underWay = new Set<Promise<unknown>>();
  let closed: Promise<void> | undefined;
  const closeBehind = async (last: () => Promise<void>): Promise<void> => {
    const timer = setTimeout(abandon, patienceMs);
    await Promise.allSettled(underWay);
    clearTimeout(timer);
    await last();
  };
  return {
    async enter<T>(action: () => Promise<T>): Promise<T> {
      if (closed !== undefined) throw closedError(server);
      const running = action();
      underWay.add(running);
      try {
        return await running;
      } finally {
        underWay.delete(running);
      }
    },
    close(last: () => Promise<void>): Promise<void> {
      closed ??= closeBehind(last);
      return closed;
    },
  };
}
