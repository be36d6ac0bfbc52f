import type { StoredEvent } from '../../log/event-log.ts';

/** The last events of a partition, in memory, so readers at its end share one copy and do not read the file. */
export interface RecentEvents {
  /** Adds the event at the end of the partition. Those before it are dropped if one between is missing. */
  add(event: StoredEvent): void;
  clear(): void;
  /** Returns at most `limit` events from an offset on; `undefined` if the first of them is not in memory. */
  from(offset: bigint, limit: number): readonly StoredEvent[] | undefined;
}

// Per partition. A topic of 12 partitions holds 3 MiB at most.
const maxEvents = 512;
const maxBytes = 256 * 1024;

export function createRecentEvents(): RecentEvents {
  let events: StoredEvent[] = [];
  let bytes = 0;
  const clear = (): void => {
    events = [];
    bytes = 0;
  };
  return {
    clear,
    add(event) {
      const last = events.at(-1);
      if (last !== undefined && event.offset !== last.offset + 1n) clear();
      events.push(event);
      bytes += sizeOf(event);
      while (events.length > maxEvents || bytes > maxBytes) {
        // Half of them: removing one at a time would move all others each time.
        for (const removed of events.splice(0, Math.ceil(events.length / 2))) bytes -= sizeOf(removed);
      }
    },
    from(offset, limit) {
      const [first] = events;
      if (first === undefined || offset < first.offset) return undefined;
      const start = Number(offset - first.offset);
      return start < events.length ? events.slice(start, start + limit) : undefined;
    },
  };
}

function sizeOf({ key, headers, value }: StoredEvent): number {
  let bytes = key.length + value.length;
  for (const name of Object.keys(headers)) bytes += name.length + (headers[name]?.length ?? 0);
  return bytes;
}
