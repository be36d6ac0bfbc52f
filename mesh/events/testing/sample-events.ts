import type { ConsumeOptions, EventLog, NewEvent, StartPosition, StoredEvent } from '../log/event-log.ts';

/** An event that holds `value` as its text. */
export function event(topic: string, key: string, value: string): NewEvent {
  return { topic, key, headers: {}, value: Buffer.from(value), timeMs: Date.now() };
}

/** Events whose texts count up from `first`, over the keys in turn. */
export function numbered(topic: string, keys: readonly string[], count: number, first = 0): NewEvent[] {
  return Array.from({ length: count }, (_, index) => event(topic, keys[index % keys.length] ?? '', `${first + index}`));
}

/** The text of an event's value. */
export function text(stored: StoredEvent): string {
  return Buffer.from(stored.value).toString();
}

/** Reads `count` events and stops. */
export async function readSome(
  log: EventLog,
  topic: string,
  from: StartPosition,
  count: number,
): Promise<StoredEvent[]> {
  const stop = new AbortController();
  const events: StoredEvent[] = [];
  for await (const stored of log.read(topic, from, stop.signal)) {
    events.push(stored);
    if (events.length === count) stop.abort();
  }
  return events;
}

/** A handler that only remembers. */
export interface Collector {
  readonly events: StoredEvent[];
  readonly handle: ConsumeOptions['handle'];
  perKey(): Record<string, string[]>;
}

/** Makes a collector that remembers in `all` too. */
export function collector(all: StoredEvent[] = []): Collector {
  const events: StoredEvent[] = [];
  return {
    events,
    handle: async (stored) => {
      events.push(stored);
      all.push(stored);
    },
    perKey: () => perKey(events),
  };
}

/** The texts of events by key, in their order. */
export function perKey(events: readonly StoredEvent[]): Record<string, string[]> {
  const values: Record<string, string[]> = {};
  for (const stored of events) {
    values[stored.key] ??= [];
    values[stored.key]?.push(text(stored));
  }
  return values;
}

/** Without the second deliveries that at-least-once allows. */
export function distinct(events: readonly StoredEvent[]): StoredEvent[] {
  return [...new Map(events.map((stored) => [`${stored.partition}/${stored.offset}`, stored])).values()];
}
