import type { Clock } from '../telemetry/clock.ts';

/** How long something that follows has not reached what it saw at its head. */
export interface Lag {
  /** Tells where it is and where its head is; resolves how long it has been behind, in milliseconds. */
  observe(position: bigint, head: bigint): number;
}

/** Measures by its own clock from one observation to the next, so that it does not matter when events happened. */
export function createLag(clock: Clock): Lag {
  let target = { head: 0n, sinceMs: clock.now() };
  return {
    observe(position, head) {
      if (position >= target.head) target = { head, sinceMs: clock.now() };
      return position >= target.head ? 0 : clock.now() - target.sinceMs;
    },
  };
}
