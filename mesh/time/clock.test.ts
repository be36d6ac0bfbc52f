import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { systemClock } from './clock.ts';

const dayMs = 24 * 60 * 60 * 1_000;

describe('the clock of the machine', () => {
  it('calls an action no earlier than asked', async () => {
    const early: number[] = [];
    const waited = Array.from({ length: 200 }, async (_, index) => {
      await wait(index % 10);
      const { promise, resolve } = Promise.withResolvers<void>();
      const [delayMs, begunMs] = [20 + Math.random(), systemClock.elapsedMs()];
      systemClock.after(delayMs, () => {
        const tookMs = systemClock.elapsedMs() - begunMs;
        if (tookMs < delayMs) early.push(tookMs - delayMs);
        resolve();
      });
      await promise;
    });
    await Promise.all(waited);
    expect(early).toEqual([]);
  });

  it('waits longer than a timer of Node can, and can be cancelled meanwhile', () => {
    vi.useFakeTimers();
    try {
      const called = vi.fn();
      const cancelled = vi.fn();
      systemClock.after(60 * dayMs, called);
      const cancel = systemClock.after(60 * dayMs, cancelled);
      vi.advanceTimersByTime(40 * dayMs);
      cancel();
      vi.advanceTimersByTime(20 * dayMs - 1);
      expect(called).not.toHaveBeenCalled();
      vi.advanceTimersByTime(1);
      expect(called).toHaveBeenCalledTimes(1);
      vi.advanceTimersByTime(60 * dayMs);
      expect(called).toHaveBeenCalledTimes(1);
      expect(cancelled).not.toHaveBeenCalled();
    } finally {
      vi.useRealTimers();
    }
  });
});
