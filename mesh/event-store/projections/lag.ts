import type { Clock } from '../../time/clock.ts';

/** How long something that follows has not reached what it saw at its head. */
export interface Lag {
  /** Tells where it is and where its head is; resolves how long it has been behind, in milliseconds. */
  observe(position: bigint, head: bigint): number;
}

/** Measures what passes from one observation to the next: neither when events happened nor a change of the clock matters. */
export function createLag(clock: Clock): Lag {
  let target = { head: 0n, sinceMs: clock.elapsedMs() };
  return {
    observe(position, head) {
      if (position >= target.head) target = { head, sinceMs: clock.elapsedMs() };
      return position >= target.head ? 0 : clock.elapsedMs() - target.sinceMs;
    },
  };
}
