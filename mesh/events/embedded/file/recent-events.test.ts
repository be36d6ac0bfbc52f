import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../log/event-log.ts';
import { createRecentEvents } from './recent-events.ts';

const event = (offset: number, bytes = 10): StoredEvent => ({
  topic: 't',
  partition: 0,
  offset: BigInt(offset),
  key: 'k',
  headers: {},
  value: new Uint8Array(bytes),
  timeMs: 0,
});

describe('the recent events of a partition', () => {
  it('are returned from an offset on, and not if one of them is missing', () => {
    const recent = createRecentEvents();
    expect(recent.from(0n, 10)).toBeUndefined();
    for (const offset of [7, 8, 9]) recent.add(event(offset));
    const offsets = (from: bigint, limit: number) => recent.from(from, limit)?.map(({ offset }) => offset);
    expect(offsets(6n, 10)).toBeUndefined();
    expect(offsets(7n, 10)).toEqual([7n, 8n, 9n]);
    expect(offsets(8n, 1)).toEqual([8n]);
    expect(offsets(10n, 10)).toBeUndefined();
    recent.clear();
    expect(offsets(9n, 10)).toBeUndefined();
  });

  it('are bounded by number and by bytes, and keep the last ones', () => {
    const [many, large] = [createRecentEvents(), createRecentEvents()];
    for (let offset = 0; offset < 10_000; offset += 1) many.add(event(offset));
    expect(many.from(9_999n, 1)).toHaveLength(1);
    expect(many.from(9_999n - 512n, 1)).toBeUndefined();
    for (let offset = 0; offset < 10; offset += 1) large.add(event(offset, 100_000));
    expect(large.from(9n, 1)).toHaveLength(1);
    expect(large.from(6n, 1)).toBeUndefined();
  });

  it('begin again after a gap', () => {
    const recent = createRecentEvents();
    for (const offset of [0, 1, 5]) recent.add(event(offset));
    expect(recent.from(1n, 1)).toBeUndefined();
    expect(recent.from(5n, 1)).toHaveLength(1);
  });

  it('do not include an event that is larger than all of them may be', () => {
    const recent = createRecentEvents();
    recent.add(event(0, 1_000_000));
    expect(recent.from(0n, 1)).toBeUndefined();
    recent.add(event(1));
    expect(recent.from(1n, 1)).toHaveLength(1);
    for (let offset = 2; offset < 100; offset += 1) recent.add(event(offset));
    recent.add(event(100, 1_000_000));
    expect(recent.from(100n, 1)).toBeUndefined();
  });
});
