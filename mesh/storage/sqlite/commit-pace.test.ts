import { beforeEach, describe, expect, it } from 'vitest';
import { type CommitWait, createCommitWait } from './commit-pace.ts';

describe('the pace of commits', () => {
  let nowMs: number;
  let busyShare: number;
  let waitMs: CommitWait;

  beforeEach(() => {
    nowMs = 1_000;
    busyShare = 1;
    waitMs = createCommitWait({ nowMs: () => nowMs, busyShare: () => busyShare });
  });

  it('leaves time for others to join on a busy process, by what the last commit took', () => {
    expect(waitMs(nowMs, 0.25)).toBe(4);
    expect(waitMs(nowMs - 1, 0.25)).toBe(3);
    expect(waitMs(nowMs, 100)).toBe(5);
    expect(waitMs(nowMs - 1_000, 100)).toBe(0);
  });

  it('does not wait on one that has time', () => {
    busyShare = 0.89;
    expect(waitMs(nowMs, 100)).toBe(0);
  });

  it('measures the load once in 50 ms', () => {
    expect(waitMs(nowMs, 100)).toBe(5);
    busyShare = 0;
    nowMs += 49;
    expect(waitMs(nowMs, 100)).toBe(5);
    nowMs += 1;
    expect(waitMs(nowMs, 100)).toBe(0);
  });
});
