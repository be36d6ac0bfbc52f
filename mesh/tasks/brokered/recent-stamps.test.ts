import { expect, it } from 'vitest';
import { createRecentStamps } from './recent-stamps.ts';

it('remembers the last stamps and forgets the oldest beyond its size', () => {
  const stamps = createRecentStamps(2);
  for (const stamp of ['a', 'b', 'b', 'c']) stamps.add(stamp);
  expect(['a', 'b', 'c', 'd'].map((stamp) => stamps.has(stamp))).toEqual([false, true, true, false]);
});
