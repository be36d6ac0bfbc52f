/** Sizes the portions of long work: a portion should take `targetMs`, and never has more than `max` items or fewer than `min`. */
export interface Portions {
  /** The number of items of the next portion. */
  readonly size: number;
  /** Notes how long a portion took. */
  took(ms: number): void;
}

/** Begins with portions of `min` items. A portion that took too long halves the next one, a short one doubles it. */
export function createPortions({
  min,
  max,
  targetMs,
}: {
  readonly min: number;
  readonly max: number;
  readonly targetMs: number;
}): Portions {
  let size = min;
  return {
    get size() {
      return size;
    },
    took(ms) {
      if (ms > targetMs) size = Math.max(min, Math.floor(size / 2));
      else if (ms < targetMs / 2) size = Math.min(max, size * 2);
    },
  };
}
