import { describe, expect, it } from 'vitest';
import { Load } from './load.ts';

/** A load after calls with these latencies, each ending at a time: `[latencyMs, endMs]`. */
function loadAfter(...calls: readonly (readonly [latencyMs: number, endMs: number])[]): Load {
  const load = new Load();
  for (const [latencyMs, endMs] of calls) {
    load.begin(endMs - latencyMs);
    load.end(latencyMs, endMs);
  }
  return load;
}

describe('the load of an endpoint', () => {
  it('costs nothing before its first call, and more than any latency until that is answered', () => {
    const load = new Load();
    expect(load.cost(0)).toBe(0);
    load.begin(0);
    expect(load.cost(0)).toBeGreaterThan(1e6);
    load.end(5, 5);
    expect(load.cost(5)).toBe(5);
  });

  it('costs the latency for each call that is open, and for one more', () => {
    const load = loadAfter([4, 0]);
    load.begin(0);
    load.begin(0);
    expect(load.open).toBe(2);
    expect(load.cost(0)).toBe(12);
  });

  it('takes a peak immediately, and then forgets it by 63 % in 1 s', () => {
    const load = loadAfter([2, 0], [200, 500]);
    expect(load.cost(500)).toBe(200);
    expect(load.cost(1_500)).toBeCloseTo(200 / Math.E);
  });

  it('averages latencies below the peak by the time since the last one', () => {
    const load = loadAfter([100, 0], [10, 500]);
    const weight = Math.exp(-0.5);
    expect(load.cost(500)).toBeCloseTo(100 * weight + 10 * (1 - weight));
  });

  it('is the last latency if the endpoint had no other for a second', () => {
    expect(loadAfter([200, 0], [2, 1_000]).cost(1_000)).toBe(2);
  });

  it('learns nothing from a call that was cancelled', () => {
    const load = loadAfter([4, 0]);
    load.begin(0);
    load.end(undefined, 100);
    expect(load.open).toBe(0);
    expect(load.cost(0)).toBe(4);
  });

  it('learns from a call that was given up only that its answer takes longer', () => {
    const load = loadAfter([4, 0]);
    load.begin(0);
    load.givenUp(1, 0);
    expect(load.cost(0)).toBe(4);
    load.begin(0);
    load.givenUp(50, 0);
    expect(load.open).toBe(0);
    expect(load.cost(0)).toBe(50);
  });

  it('is unused once the last call began a second ago and none is open', () => {
    const load = new Load();
    expect(load.unusedSinceMs(0)).toBe(Number.NEGATIVE_INFINITY);
    load.begin(500);
    expect(load.unusedSinceMs(2_000)).toBe(Number.POSITIVE_INFINITY);
    load.end(1, 501);
    expect(load.unusedSinceMs(1_499)).toBe(Number.POSITIVE_INFINITY);
    expect(load.unusedSinceMs(1_500)).toBe(500);
  });

  it('is that of a new endpoint after it was forgotten', () => {
    const load = loadAfter([200, 0]);
    load.forget();
    expect(load.cost(0)).toBe(0);
    expect(load.unusedSinceMs(0)).toBe(Number.NEGATIVE_INFINITY);
  });
});
