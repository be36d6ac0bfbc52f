import { describe, expect, it } from 'vitest';
import { backoff } from './backoff.ts';

const failures = [1, 2, 3, 4, 5];

describe('backoff', () => {
  it('doubles the delay with each failure, up to the maximum', () => {
    expect(failures.map(backoff({ firstMs: 100, maxMs: 1_000 }))).toEqual([100, 200, 400, 800, 1_000]);
  });

  it('varies each delay within the range of its jitter, the maximum too', () => {
    const delayMs = backoff({ firstMs: 100, maxMs: 200, jitter: [0.5, 1] });
    for (let round = 0; round < 100; round += 1) {
      expect(delayMs(1)).toSatisfy((ms: number) => ms >= 50 && ms < 100);
      expect(delayMs(5)).toSatisfy((ms: number) => ms >= 100 && ms < 200);
    }
    expect(new Set(Array.from({ length: 10 }, () => delayMs(1))).size).toBeGreaterThan(1);
  });
});
