import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { commitWaitMs } from './commit-pace.ts';

describe('the pace of commits', () => {
  const spin = (ms: number): void => {
    for (const endMs = performance.now() + ms; performance.now() < endMs; );
  };
  /** Waits until the sample of before has ended. */
  const begin = async (): Promise<void> => {
    await sleep(60);
    commitWaitMs(0, 0);
  };

  it('leaves time for others to join on a busy process, by what the last commit took', async () => {
    await begin();
    spin(100);
    const nowMs = performance.now();
    expect(commitWaitMs(nowMs, 0.3)).toBeGreaterThan(1);
    expect(commitWaitMs(nowMs, 100)).toBeLessThanOrEqual(5);
    expect(commitWaitMs(nowMs - 1_000, 100)).toBe(0);
  });

  it('does not wait on one that has time', async () => {
    await begin();
    await sleep(100);
    expect(commitWaitMs(performance.now(), 100)).toBe(0);
  });
});
