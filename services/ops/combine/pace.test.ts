import { beforeEach, describe, expect, it } from 'vitest';
import { createTestClock, type TestClock } from '#mesh/testing';
import { createPace, type Pace } from './pace.ts';

const always = new AbortController().signal;

describe('a pace of ten a second', () => {
  let clock: TestClock;
  let pace: Pace;
  let turns: number;

  beforeEach(() => {
    clock = createTestClock();
    pace = createPace(clock, 10);
    turns = 0;
  });

  const ask = async () => {
    if (await pace.turn(Number.POSITIVE_INFINITY, always)) turns += 1;
  };

  async function passes(ms: number): Promise<void> {
    clock.advance(ms);
    await new Promise(setImmediate);
  }

  it('grants one turn immediately and then one every 100 ms, to all callers together', async () => {
    const asked = Array.from({ length: 4 }, ask);
    await passes(0);
    expect(turns).toBe(1);
    await passes(99);
    expect(turns).toBe(1);
    await passes(1);
    expect(turns).toBe(2);
    await passes(200);
    expect(turns).toBe(4);
    await Promise.all(asked);
  });

  it('does not grant unused turns later', async () => {
    await ask();
    await passes(10_000);
    const asked = [ask(), ask()];
    await passes(0);
    expect(turns).toBe(2);
    await passes(100);
    await Promise.all(asked);
  });

  it('keeps its pace when the clock is set back', async () => {
    await ask();
    clock.shift(-86_400_000);
    const next = ask();
    await passes(100);
    await next;
    expect(turns).toBe(2);
  });

  it('refuses a turn that would be too late immediately, and keeps it for others', async () => {
    await ask();
    expect(await pace.turn(clock.elapsedMs() + 99, always)).toBe(false);
    const next = ask();
    await passes(100);
    await next;
    expect(turns).toBe(2);
  });

  it('rejects a waiting caller when its call ends', async () => {
    await ask();
    const call = new AbortController();
    const waiting = pace.turn(Number.POSITIVE_INFINITY, call.signal);
    call.abort(new Error('the call ended'));
    await expect(waiting).rejects.toThrow('the call ended');
  });
});
