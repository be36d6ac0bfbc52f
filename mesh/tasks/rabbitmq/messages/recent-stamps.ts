/** A memory of the last stamps, or of whatever else names a task. */
export interface RecentStamps {
  add(stamp: string): void;
  has(stamp: string): boolean;
  /** Forgets a stamp; false when it was not there. */
  take(stamp: string): boolean;
}

/**
 * Remembers stamps, so that a task which comes again because the broker did not learn that it was done is not done again.
 * It forgets the oldest beyond `maxStamps`, default 10,000: about 1 MB.
 */
export function createRecentStamps(maxStamps = 10_000): RecentStamps {
  const stamps = new Set<string>();
  return {
    add(stamp) {
      stamps.add(stamp);
      const [oldest] = stamps;
      if (stamps.size > maxStamps && oldest !== undefined) stamps.delete(oldest);
    },
    has: (stamp) => stamps.has(stamp),
    take: (stamp) => stamps.delete(stamp),
  };
}
