import type { StoredEvent } from './event-log.ts';

/** The last events of a partition, in memory, so readers at its end share one copy. */
export interface RecentEvents {
  /** It has every event of the partition from this offset up to `next`. */
  readonly first: bigint;
  readonly next: bigint;
  /**
   * Adds what the partition has from offset `from` up to `next`. The earlier ones are dropped if some between are missing.
   * Over its limits it drops the oldest events before `keep`. Default: any.
   */
  add(from: bigint, events: readonly StoredEvent[], next: bigint, keep?: bigint): void;
  clear(): void;
  /** Returns at most `limit` events from an offset on; `undefined` if what is there is not in memory. */
  from(offset: bigint, limit: number): RecentBatch | undefined;
  /** Returns the size of the events from an offset on. */
  sizeFrom(offset: bigint): { readonly events: number; readonly bytes: number };
}

export interface RecentBatch {
  readonly events: readonly StoredEvent[];
  /** The offset to continue from. */
  readonly next: bigint;
}

export interface RecentLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

// A topic of 12 partitions holds 3 MiB at most.
const defaultLimits: RecentLimits = { maxEvents: 512, maxBytes: 256 * 1024 };

/** Default limits: 512 events and 256 KiB. */
export function createRecentEvents({ maxEvents, maxBytes }: RecentLimits = defaultLimits): RecentEvents {
  let events: StoredEvent[] = [];
  /** For each event, the bytes of all that were ever added up to it. */
  let ends: number[] = [];
  let droppedBytes = 0;
  let first = -1n;
  let next = -1n;

  function clear(): void {
    events = [];
    ends = [];
    droppedBytes = 0;
    first = -1n;
    next = -1n;
  }

  const isOver = (dropped: number, share: number): boolean =>
    events.length - dropped > maxEvents * share || (ends.at(-1) ?? 0) - bytesBefore(dropped) > maxBytes * share;
  const bytesBefore = (index: number): number => ends[index - 1] ?? droppedBytes;

  /** Drops half of what may be there: dropping one at a time would move all others each time. */
  function trim(keep: bigint): void {
    if (!isOver(0, 1)) return;
    const droppable = indexOf(keep);
    let dropped = 0;
    while (dropped < droppable && isOver(dropped, 0.5)) dropped += 1;
    const last = events[dropped - 1];
    if (last === undefined) return;
    droppedBytes = bytesBefore(dropped);
    first = last.offset + 1n;
    events.splice(0, dropped);
    ends.splice(0, dropped);
  }

  /** Returns the index of the first event at or after an offset. */
  function indexOf(offset: bigint): number {
    const [oldest] = events;
    if (oldest === undefined || offset <= oldest.offset) return 0;
    if (offset >= next) return events.length;
    const guess = Number(offset - oldest.offset);
    if (events[guess]?.offset === offset) return guess;
    // Some offsets have no event.
    let [low, high] = [0, events.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((events[middle]?.offset ?? offset) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    get first() {
      return first;
    },
    get next() {
      return next;
    },
    clear,
    add(from, added, end, keep = end) {
      if (from !== next) {
        clear();
        first = from;
      }
      next = end;
      for (const event of added) {
        events.push(event);
        ends.push((ends.at(-1) ?? droppedBytes) + sizeOf(event));
      }
      trim(keep);
    },
    from(offset, limit) {
      if (offset < first || offset >= next) return undefined;
      const start = indexOf(offset);
      const found = events.slice(start, start + limit);
      const last = found.at(-1);
      return { events: found, next: start + found.length < events.length && last ? last.offset + 1n : next };
    },
    sizeFrom(offset) {
      const index = indexOf(offset);
      return { events: events.length - index, bytes: (ends.at(-1) ?? droppedBytes) - bytesBefore(index) };
    },
  };
}

function sizeOf({ key, headers, value }: StoredEvent): number {
  let bytes = key.length + value.length;
  for (const name of Object.keys(headers)) bytes += name.length + (headers[name]?.length ?? 0);
  return bytes;
}
