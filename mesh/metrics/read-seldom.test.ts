import { describe, expect, it } from 'vitest';
import { createTestClock } from '../testing/test-clock.ts';
import { readSeldom } from './read-seldom.ts';

describe('a number that is read seldom', () => {
  function setUp(takesMs = 0) {
    const clock = createTestClock();
    let reads = 0;
    const read = readSeldom(async () => {
      reads += 1;
      clock.advance(takesMs);
      return reads;
    }, clock);
    return { clock, read };
  }

  it('is read at most once a second', async () => {
    const { clock, read } = setUp();
    expect(await read()).toBe(1);
    clock.advance(999);
    expect(await read()).toBe(1);
    clock.advance(1);
    expect(await read()).toBe(2);
  });

  it('is kept for 20 times as long as reading takes', async () => {
    const { clock, read } = setUp(300);
    expect(await read()).toBe(1);
    clock.advance(5_999);
    expect(await read()).toBe(1);
    clock.advance(1);
    expect(await read()).toBe(2);
  });

  it('is read once for callers that ask at the same time', async () => {
    const { read } = setUp();
    expect(await Promise.all([read(), read()])).toEqual([1, 1]);
  });

  it('is read again after a failure', async () => {
    let broken = true;
    const read = readSeldom(async () => {
      if (broken) throw new Error('disk');
      return 7;
    }, createTestClock());
    await expect(read()).rejects.toThrow('disk');
    broken = false;
    expect(await read()).toBe(7);
  });
});
