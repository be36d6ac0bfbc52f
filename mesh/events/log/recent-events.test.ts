import { describe, expect, it } from 'vitest';
import type { StoredEvent } from './event-log.ts';
import { createRecentEvents, type RecentEvents } from './recent-events.ts';

const event = (offset: number, bytes = 10): StoredEvent => ({
  topic: 't',
  partition: 0,
  offset: BigInt(offset),
  key: 'k',
  headers: {},
  value: new Uint8Array(bytes),
  timeMs: 0,
});

const addTo = (recent: RecentEvents, ...events: StoredEvent[]): void => {
  for (const one of events) recent.add(one.offset, [one], one.offset + 1n);
};

describe('the recent events of a partition', () => {
  it('are returned from an offset on, and not if one of them is missing', () => {
    const recent = createRecentEvents();
    expect(recent.from(0n, 10)).toBeUndefined();
    for (const offset of [7, 8, 9]) addTo(recent, event(offset));
    const offsets = (from: bigint, limit: number) => recent.from(from, limit)?.events.map(({ offset }) => offset);
    expect(offsets(6n, 10)).toBeUndefined();
    expect(offsets(7n, 10)).toEqual([7n, 8n, 9n]);
    expect(offsets(8n, 1)).toEqual([8n]);
    expect(offsets(10n, 10)).toBeUndefined();
    recent.clear();
    expect(offsets(9n, 10)).toBeUndefined();
  });

  it('are bounded by number and by bytes, and keep the last ones', () => {
    const [many, large] = [createRecentEvents(), createRecentEvents()];
    for (let offset = 0; offset < 10_000; offset += 1) addTo(many, event(offset));
    expect(many.from(9_999n, 1)?.events).toHaveLength(1);
    expect(many.from(9_999n - 512n, 1)).toBeUndefined();
    for (let offset = 0; offset < 10; offset += 1) addTo(large, event(offset, 100_000));
    expect(large.from(9n, 1)?.events).toHaveLength(1);
    expect(large.from(6n, 1)).toBeUndefined();
  });

  it('begin again after a gap', () => {
    const recent = createRecentEvents();
    for (const offset of [0, 1, 5]) addTo(recent, event(offset));
    expect(recent.from(1n, 1)).toBeUndefined();
    expect(recent.from(5n, 1)?.events).toHaveLength(1);
  });

  it('do not include an event that is larger than all of them may be', () => {
    const recent = createRecentEvents();
    addTo(recent, event(0, 1_000_000));
    expect(recent.from(0n, 1)).toBeUndefined();
    addTo(recent, event(1));
    expect(recent.from(1n, 1)?.events).toHaveLength(1);
    for (let offset = 2; offset < 100; offset += 1) addTo(recent, event(offset));
    addTo(recent, event(100, 1_000_000));
    expect(recent.from(100n, 1)).toBeUndefined();
  });

  it('continue after offsets without an event', () => {
    const recent = createRecentEvents();
    recent.add(3n, [event(4), event(7)], 9n);
    recent.add(9n, [event(9)], 12n);
    const from = (offset: bigint, limit = 10) => {
      const batch = recent.from(offset, limit);
      return batch && [...batch.events.map((one) => one.offset), 'next', batch.next];
    };
    expect(from(2n)).toBeUndefined();
    expect(from(3n)).toEqual([4n, 7n, 9n, 'next', 12n]);
    expect(from(5n, 1)).toEqual([7n, 'next', 8n]);
    expect(from(8n)).toEqual([9n, 'next', 12n]);
    expect(from(10n)).toEqual(['next', 12n]);
    expect(from(12n)).toBeUndefined();
    expect(recent.sizeFrom(5n)).toEqual({ events: 2, bytes: 22 });
    recent.add(12n, [], 20n);
    expect(from(10n)).toEqual(['next', 20n]);
  });

  it('do not drop what is to be kept', () => {
    const recent = createRecentEvents({ maxEvents: 4, maxBytes: 1000 });
    for (let offset = 0; offset < 10; offset += 1) recent.add(BigInt(offset), [event(offset)], BigInt(offset) + 1n, 3n);
    expect(recent.first).toBe(3n);
    expect(recent.sizeFrom(3n).events).toBe(7);
    recent.add(10n, [event(10)], 11n, 10n);
    expect([recent.first, recent.next]).toEqual([9n, 11n]);
  });
});
