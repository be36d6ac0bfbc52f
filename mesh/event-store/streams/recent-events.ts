import type { RecordedEvent } from '../event-store.ts';

/** The last events that this process has committed. Their positions have no gaps, so no others can be between them. */
export interface RecentEvents {
  /** Adds a committed event, which is not changed later. After a gap it is the first one. */
  add(event: RecordedEvent, bytes: number): void;
  /**
   * Returns the events after a position, the oldest first, at most `limit`. Empty: there may be some in the table, if it does
   * not hold the event that follows the position.
   */
  after(position: bigint, limit: number): readonly RecordedEvent[];
}

// More than projections are behind by while they keep up. Larger events are read from the table, so all take 8 MiB at most.
const maxEvents = 1_024;
const maxBytes = 4_096;

/** Holds the last 1,024 to 2,048 events of at most 4 KiB. */
export function createRecentEvents(): RecentEvents {
  let events: RecordedEvent[] = [];
  return {
    add(event, bytes) {
      const last = events.at(-1);
      if (last === undefined || event.position !== last.position + 1n || bytes > maxBytes) events = [];
      else if (events.length === 2 * maxEvents) events = events.slice(maxEvents);
      if (bytes <= maxBytes) events.push(event);
    },
    after(position, limit) {
      const [first] = events;
      if (first === undefined || position < first.position - 1n) return [];
      const from = Number(position + 1n - first.position);
      return events.slice(from, from + limit);
    },
  };
}
