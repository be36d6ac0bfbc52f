/** The last stamps, or other names of tasks. */
export interface RecentStamps {
  add(stamp: string): void;
  has(stamp: string): boolean;
  /** Forgets a stamp. Returns false if it was not known. */
  take(stamp: string): boolean;
}

/**
 * Remembers stamps, so a task that is delivered again because its acknowledgement was lost is not done again. It
 * forgets the oldest beyond `maxStamps`. Default: 10,000, about 1 MB.
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
