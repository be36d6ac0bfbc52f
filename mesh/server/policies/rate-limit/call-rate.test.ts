import { describe, expect, it } from 'vitest';
import { CallRate } from './call-rate.ts';

describe('the rate of a caller', () => {
  it('allows its burst at once, then as many as are added', () => {
    const rate = new CallRate({ perSecond: 10, burst: 3 });
    expect([1, 2, 3].map(() => rate.take('ada', 0))).toEqual([0, 0, 0]);
    expect(rate.take('ada', 0)).toBeCloseTo(100);
    expect(rate.take('ada', 99)).toBeCloseTo(1);
    expect(rate.take('ada', 100)).toBe(0);
    expect(rate.take('ada', 100)).toBeCloseTo(100);
  });

  it('is full again after a while, and never fuller', () => {
    const rate = new CallRate({ perSecond: 10, burst: 3 });
    for (let call = 0; call < 3; call += 1) rate.take('ada', 0);
    const later = [1, 2, 3, 4].map(() => rate.take('ada', 60_000) === 0);
    expect(later).toEqual([true, true, true, false]);
  });

  it('is its own', () => {
    const rate = new CallRate({ perSecond: 1, burst: 1 });
    expect(rate.take('ada', 0)).toBe(0);
    expect(rate.take('ada', 0)).toBeGreaterThan(0);
    expect(rate.take('bob', 0)).toBe(0);
  });

  it('is larger by a factor, in both', () => {
    const rate = new CallRate({ perSecond: 1, burst: 2 });
    const taken = Array.from({ length: 21 }, () => rate.take('net', 0, 10) === 0);
    expect(taken.filter(Boolean)).toHaveLength(20);
    expect(rate.take('net', 0, 10)).toBeCloseTo(100);
  });

  it('takes nothing for a refused call', () => {
    const rate = new CallRate({ perSecond: 1, burst: 1 });
    rate.take('ada', 0);
    for (let call = 0; call < 1_000; call += 1) rate.take('ada', 1);
    expect(rate.take('ada', 1_000)).toBe(0);
  });

  it('holds over an hour of steady calls', () => {
    const rate = new CallRate({ perSecond: 7, burst: 5 });
    let taken = 0;
    for (let nowMs = 0; nowMs < 3_600_000; nowMs += 50) if (rate.take('ada', nowMs) === 0) taken += 1;
    expect(taken).toBeGreaterThanOrEqual(7 * 3_600);
    expect(taken).toBeLessThanOrEqual(7 * 3_600 + 5);
  });

  it('remembers the 10,000 callers that called last', () => {
    const rate = new CallRate({ perSecond: 1, burst: 1 });
    rate.take('busy', 0);
    for (let caller = 0; caller < 30_000; caller += 1) {
      rate.take(`${caller}`, caller / 10);
      if (caller % 5_000 === 0) rate.take('busy', caller / 10);
    }
    expect(rate.callers).toBe(10_000);
    expect(rate.take('busy', 2_999.95)).toBeGreaterThan(0);
  });
});
