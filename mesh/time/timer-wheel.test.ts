import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TimerWheel } from './timer-wheel.ts';

describe('a wheel of timers', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const at = (wheel: TimerWheel, inMs: number, due: () => void) => wheel.at(Date.now() + inMs, { due });

  it.each([0, 1, 7, 8, 100, 8_191, 8_192, 60_000, 3_600_000])(
    'tells of %i ms, never early and at most 16 ms late',
    (inMs) => {
      const beganMs = Date.now();
      let toldMs = 0;
      at(new TimerWheel(), inMs, () => {
        toldMs = Date.now();
      });
      vi.advanceTimersByTime(inMs + 16);
      expect(toldMs - beganMs).toBeGreaterThanOrEqual(inMs);
      vi.advanceTimersByTime(1_000_000);
      expect(toldMs - beganMs).toBeLessThanOrEqual(inMs + 16);
    },
  );

  it('tells in time when the clock is set back', () => {
    const wheel = new TimerWheel();
    let told = false;
    at(wheel, 50, () => undefined);
    vi.advanceTimersByTime(20);
    vi.setSystemTime(Date.now() - 60_000);
    at(wheel, 100, () => {
      told = true;
    });
    vi.advanceTimersByTime(130);
    expect(told).toBe(true);
  });

  it('keeps nothing of what was called off', () => {
    const wheel = new TimerWheel();
    const told: number[] = [];
    const timers = Array.from({ length: 1_000 }, (_, index) => at(wheel, 100 + (index % 3), () => told.push(index)));
    for (const [index, timer] of timers.entries()) if (index % 10 !== 0) timer.cancel();
    expect(wheel.size).toBe(100);
    vi.advanceTimersByTime(200);
    expect(told.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 100 }, (_, index) => 10 * index));
    expect(wheel.size).toBe(0);
  });

  it('loses none when one has taken the place of another', () => {
    const wheel = new TimerWheel();
    const told: string[] = [];
    const add = (name: string) => at(wheel, 50, () => told.push(name));
    const [first, , , fourth] = ['a', 'b', 'c', 'd'].map(add);
    first?.cancel();
    for (const name of ['e', 'f']) add(name);
    fourth?.cancel();
    vi.advanceTimersByTime(100);
    expect(told.toSorted()).toEqual(['b', 'c', 'e', 'f']);
  });

  it('calls off once, and nothing of another', () => {
    const wheel = new TimerWheel();
    const told = vi.fn();
    const first = at(wheel, 50, told);
    at(wheel, 50, told);
    first.cancel();
    first.cancel();
    vi.advanceTimersByTime(100);
    expect(told).toHaveBeenCalledOnce();
  });

  it('tells nothing that another has called off at the same time', () => {
    const wheel = new TimerWheel();
    const told = vi.fn();
    const timers = [0, 1].map((index) =>
      at(wheel, 50, () => {
        told();
        timers[1 - index]?.cancel();
      }),
    );
    vi.advanceTimersByTime(100);
    expect(told).toHaveBeenCalledOnce();
  });

  it('takes new ones while it tells, and stands still when there are none', () => {
    const wheel = new TimerWheel();
    const told = vi.fn();
    at(wheel, 50, () => at(wheel, 50, told));
    vi.advanceTimersByTime(200);
    expect(told).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });
});
