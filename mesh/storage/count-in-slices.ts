import { yieldEvery } from '../time/yield-to-event-loop.ts';
import type { Row } from './storage.ts';

/** A part of what is counted. */
export interface CountedSlice<Cursor> {
  readonly count: number;
  /** The last one that was counted; `undefined` if there was none. */
  readonly last: Cursor | undefined;
}

/**
 * Counts the rows of a table of any size without keeping others from the database: `countSlice` counts up to `size` rows after
 * a cursor, and between two slices others have their turn. The sum is not of one moment.
 */
export async function countInSlices<Cursor>(
  first: Cursor,
  size: number,
  countSlice: (after: Cursor, size: number) => Promise<CountedSlice<Cursor>>,
): Promise<number> {
  const yieldToOthers = yieldEvery();
  let total = 0;
  for (let after = first; ; ) {
    const { count, last } = await countSlice(after, size);
    total += count;
    if (last === undefined || count < size) return total;
    after = last;
    await yieldToOthers();
  }
}

/** The rows of a slice that have one name. */
export interface CountedGroup extends Row {
  readonly name: string;
  readonly count: bigint;
  /** The earliest of their times. */
  readonly oldest: bigint;
  /** The last id of the whole slice. */
  readonly last: string;
}

/** The rows that have one name. */
export interface NamedCount {
  readonly name: string;
  readonly count: number;
  readonly oldestTimeMs: number;
}

/** Counts rows by name in the same way, sorted by name. `countSlice` reads the rows whose id is after `after`. */
export async function countByName(
  countSlice: (after: string, size: number) => Promise<readonly CountedGroup[]>,
): Promise<NamedCount[]> {
  const counts = new Map<string, NamedCount>();
  await countInSlices('', 1_000, async (after, size) => {
    const groups = await countSlice(after, size);
    for (const { name, count, oldest } of groups) {
      const before = counts.get(name) ?? { count: 0, oldestTimeMs: Number.POSITIVE_INFINITY };
      const oldestTimeMs = Math.min(before.oldestTimeMs, Number(oldest));
      counts.set(name, { name, count: before.count + Number(count), oldestTimeMs });
    }
    return { count: groups.reduce((sum, { count }) => sum + Number(count), 0), last: groups[0]?.last };
  });
  return [...counts.values()].toSorted((one, other) => (one.name < other.name ? -1 : 1));
}
