import { describe, expect, it } from 'vitest';
import { added } from '../testing/fixture.ts';
import { createRecentEvents } from './recent-events.ts';

describe('recent events', () => {
  const eventAt = (position: number) => ({
    ...added(position),
    stream: 'a',
    version: BigInt(position),
    position: BigInt(position),
  });

  function recentAt(positions: readonly number[]) {
    const recent = createRecentEvents();
    for (const position of positions) recent.add(eventAt(position), 100);
    return (after: number, limit = 10_000) =>
      recent.after(BigInt(after), limit).map(({ position }) => Number(position));
  }

  it('are those after a position, up to a limit', () => {
    const recent = recentAt([7, 8, 9]);
    expect(recent(6)).toEqual([7, 8, 9]);
    expect(recent(7, 1)).toEqual([8]);
    expect(recent(9)).toEqual([]);
    expect(recent(20)).toEqual([]);
  });

  it('are none for a reader that has not read the event before them', () => {
    expect(recentAt([7, 8])(5)).toEqual([]);
    expect(recentAt([])(0)).toEqual([]);
  });

  it('begin after a gap, whether positions increase or decrease', () => {
    expect(recentAt([1, 2, 4])(0)).toEqual([]);
    expect(recentAt([1, 2, 4])(3)).toEqual([4]);
    expect(recentAt([5, 4])(4)).toEqual([]);
    expect(recentAt([5, 4])(3)).toEqual([4]);
  });

  it('leave out a large event and those before it', () => {
    const recent = createRecentEvents();
    recent.add(eventAt(1), 100);
    recent.add(eventAt(2), 5_000);
    expect(recent.after(0n, 10)).toEqual([]);
    recent.add(eventAt(3), 100);
    expect(recent.after(1n, 10)).toEqual([]);
    expect(recent.after(2n, 10)).toHaveLength(1);
  });

  it('are a limited number', () => {
    const recent = recentAt(Array.from({ length: 10_000 }, (_, index) => index + 1));
    expect(recent(7_000)).toEqual([]);
    expect(recent(9_000)).toHaveLength(1_000);
  });
});
