import type { Load } from './load.ts';

/** Something between which is chosen by its load. */
export interface Loaded {
  readonly load: Load;
}

// Costs that are closer than this factor are the same: latencies vary more, and all calls would go to the luckier one.
const sameWithin = 2;

/**
 * The power of two choices: of two random candidates, returns the one with the lower cost, or any if their costs are about the
 * same. One that has had no call for a second comes first, so its latency stays known. `candidates` is not empty. `random`
 * returns a number from 0 to below 1.
 */
export function pickTwo<T extends Loaded>(candidates: readonly T[], nowMs: number, random: () => number): T {
  const { length } = candidates;
  if (length === 1) return candidates[0] as T;
  const first = Math.floor(random() * length);
  const second = (first + 1 + Math.floor(random() * (length - 1))) % length;
  return better(candidates[first] as T, candidates[second] as T, nowMs);
}

/** Returns `one` if both are the same. */
function better<T extends Loaded>(one: T, other: T, nowMs: number): T {
  const unused = one.load.unusedSinceMs(nowMs);
  const otherUnused = other.load.unusedSinceMs(nowMs);
  if (unused !== otherUnused) return unused < otherUnused ? one : other;
  return one.load.cost(nowMs) < sameWithin * other.load.cost(nowMs) ? one : other;
}
