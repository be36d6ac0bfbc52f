import { describe, expect, it } from 'vitest';
import type { Counts } from './callers.ts';
import { isClean, type RollingResult } from './run.ts';

/** A run of two callers, with the calls of the second one in each phase. */
function runOf(...calls: readonly Counts[]): RollingResult {
  const phases = calls.map((counts, index) => ({
    service: `${index}`,
    seconds: 1,
    calls: new Map([
      ['ghz', { calls: 50, failed: 0 }],
      ['grpcio', counts],
    ]),
  }));
  const effects = { orders: 4, lost: [], doubled: [], deadLetters: [], findings: [] };
  return { phases, errors: new Map(), effects };
}

describe('isClean', () => {
  const some = { calls: 45, failed: 0 };

  it('is true if every caller made calls during every phase and none failed', () => {
    expect(isClean(runOf(some, some))).toBe(true);
  });

  it('is false if a caller made no calls during a phase', () => {
    expect(isClean(runOf(some, { calls: 0, failed: 0 }))).toBe(false);
  });

  it('is false if a call failed, or an effect was lost', () => {
    expect(isClean(runOf(some, { calls: 45, failed: 1 }))).toBe(false);
    const run = runOf(some, some);
    expect(isClean({ ...run, effects: { ...run.effects, lost: ['order 1'] } })).toBe(false);
  });
});
