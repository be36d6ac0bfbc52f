import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TimerWheel } from './timer-wheel.ts';

describe('the timer wheel', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const at = (wheel: TimerWheel, inMs: number, onTimeout: () => void) => wheel.at(Date.now() + inMs, { onTimeout });

  it.each([0, 1, 7, 8, 100, 8_191, 8_192, 60_000, 3_600_000])(
    'fires a timer of %i ms, never early and at most 16 ms late',
    (inMs) => {
      const beganMs = Date.now();
      let firedMs = 0;
      at(new TimerWheel(), inMs, () => {
        firedMs = Date.now();
      });
      vi.advanceTimersByTime(inMs + 16);
      expect(firedMs - beganMs).toBeGreaterThanOrEqual(inMs);
      vi.advanceTimersByTime(1_000_000);
      expect(firedMs - beganMs).toBeLessThanOrEqual(inMs + 16);
    },
  );

  it('fires in time when the clock is set back', () => {
    const wheel = new TimerWheel();
    let fired = false;
    at(wheel, 50, () => undefined);
    vi.advanceTimersByTime(20);
    vi.setSystemTime(Date.now() - 60_000);
    at(wheel, 100, () => {
      fired = true;
    });
    vi.advanceTimersByTime(130);
    expect(fired).toBe(true);
  });

  it('keeps nothing of a cancelled timer', () => {
    const wheel = new TimerWheel();
    const fired: number[] = [];
    const timers = Array.from({ length: 1_000 }, (_, index) => at(wheel, 100 + (index % 3), () => fired.push(index)));
    for (const [index, timer] of timers.entries()) if (index % 10 !== 0) timer.cancel();
    expect(wheel.size).toBe(100);
    vi.advanceTimersByTime(200);
    expect(fired.toSorted((one, other) => one - other)).toEqual(Array.from({ length: 100 }, (_, index) => 10 * index));
    expect(wheel.size).toBe(0);
  });

  it('loses no timer when one has taken the place of another', () => {
    const wheel = new TimerWheel();
    const fired: string[] = [];
    const add = (name: string) => at(wheel, 50, () => fired.push(name));
    const [first, , , fourth] = ['a', 'b', 'c', 'd'].map(add);
    first?.cancel();
    for (const name of ['e', 'f']) add(name);
    fourth?.cancel();
    vi.advanceTimersByTime(100);
    expect(fired.toSorted()).toEqual(['b', 'c', 'e', 'f']);
  });

  it('cancels a timer once, and no other', () => {
    const wheel = new TimerWheel();
    const fired = vi.fn();
    const first = at(wheel, 50, fired);
    at(wheel, 50, fired);
    first.cancel();
    first.cancel();
    vi.advanceTimersByTime(100);
    expect(fired).toHaveBeenCalledOnce();
  });

  it('does not fire a timer that another has cancelled in the same turn', () => {
    const wheel = new TimerWheel();
    const fired = vi.fn();
    const timers = [0, 1].map((index) =>
      at(wheel, 50, () => {
        fired();
        timers[1 - index]?.cancel();
      }),
    );
    vi.advanceTimersByTime(100);
    expect(fired).toHaveBeenCalledOnce();
  });

  it('accepts new timers while it fires others, and stops when there are none', () => {
    const wheel = new TimerWheel();
    const fired = vi.fn();
    at(wheel, 50, () => at(wheel, 50, fired));
    vi.advanceTimersByTime(200);
    expect(fired).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });
});
