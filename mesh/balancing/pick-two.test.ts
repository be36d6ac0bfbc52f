import { describe, expect, it } from 'vitest';
import { Load } from './load.ts';
import { pickTwo } from './pick-two.ts';

interface Candidate {
  readonly name: string;
  readonly load: Load;
}

/** A candidate that answered a call in `latencyMs` at time 0, with `open` calls since then. */
function candidate(name: string, latencyMs: number, open = 0): Candidate {
  const load = new Load();
  load.begin(0);
  load.end(latencyMs, 0);
  for (let call = 0; call < open; call++) load.begin(0);
  return { name, load };
}

/** How often each candidate is picked, if every pair is drawn equally often. */
function picksOf(candidates: readonly Candidate[], nowMs = 0): Record<string, number> {
  const picks: Record<string, number> = {};
  const { length } = candidates;
  for (let first = 0; first < length; first++) {
    for (let second = 0; second < length - 1; second++) {
      const draws = [first / length, second / (length - 1)];
      const { name } = pickTwo(candidates, nowMs, () => draws.shift() ?? 0);
      picks[name] = (picks[name] ?? 0) + 1;
    }
  }
  return picks;
}

describe('the power of two choices', () => {
  it('returns the only candidate', () => {
    expect(picksOf([candidate('a', 5), candidate('a', 5)])).toEqual({ a: 2 });
    expect(pickTwo([candidate('only', 5)], 0, () => 0.9).name).toBe('only');
  });

  it('compares each pair of candidates equally often', () => {
    expect(picksOf([candidate('a', 5), candidate('b', 5), candidate('c', 5), candidate('d', 5)])).toEqual({
      a: 3,
      b: 3,
      c: 3,
      d: 3,
    });
  });

  it('avoids a candidate that is at least twice as slow', () => {
    expect(picksOf([candidate('fast', 2), candidate('slow', 4)])).toEqual({ fast: 2 });
    expect(picksOf([candidate('a', 2), candidate('b', 2), candidate('slow', 200)])).toEqual({ a: 3, b: 3 });
  });

  it('treats candidates alike whose costs are closer', () => {
    expect(picksOf([candidate('a', 2), candidate('b', 3.9)])).toEqual({ a: 1, b: 1 });
  });

  it('prefers a candidate with fewer open calls', () => {
    expect(picksOf([candidate('busy', 2, 3), candidate('idle', 2)])).toEqual({ idle: 2 });
    expect(picksOf([candidate('slow', 10), candidate('busy', 2, 9)])).toEqual({ slow: 2 });
  });

  it('sends a new candidate a first call, and no other until that is answered', () => {
    const fresh = { name: 'new', load: new Load() };
    const candidates = [candidate('known', 2), fresh];
    expect(picksOf(candidates)).toEqual({ new: 2 });
    fresh.load.begin(0);
    expect(picksOf(candidates)).toEqual({ known: 2 });
    fresh.load.end(2, 2);
    expect(picksOf(candidates, 2)).toEqual({ known: 1, new: 1 });
  });

  it('sends a slow candidate a call each second', () => {
    const slow = candidate('slow', 200);
    const fast = candidate('fast', 2);
    fast.load.begin(999);
    fast.load.end(2, 999);
    expect(picksOf([slow, fast], 999)).toEqual({ fast: 2 });
    expect(picksOf([slow, fast], 1_000)).toEqual({ slow: 2 });
    slow.load.begin(1_000);
    expect(picksOf([slow, fast], 1_001)).toEqual({ fast: 2 });
  });

  it('gives a candidate its share back after one fast call a second later', () => {
    const slow = candidate('slow', 200);
    const fast = candidate('fast', 2);
    slow.load.begin(1_000);
    slow.load.end(2, 1_002);
    fast.load.begin(1_000);
    fast.load.end(2, 1_002);
    expect(picksOf([slow, fast], 1_002)).toEqual({ slow: 1, fast: 1 });
  });
});
