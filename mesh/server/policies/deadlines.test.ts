import { describe, expect, it } from 'vitest';
import { createTestClock } from '../../testing/test-clock.ts';
import { createDeadlines } from './deadlines.ts';

function setUp() {
  const clock = createTestClock();
  const expired: string[] = [];
  const call = (name: string, inMs: number) => ({ deadlineMs: clock.now() + inMs, expire: () => expired.push(name) });
  return { clock, expired, call, deadlines: createDeadlines(clock) };
}

describe('the deadlines of a server', () => {
  it('end what is still there, each at its time and at most 8 ms late', () => {
    const { clock, expired, call, deadlines } = setUp();
    deadlines.add(call('late', 1_000));
    deadlines.add(call('early', 500));
    clock.advance(499);
    expect(expired).toEqual([]);
    clock.advance(9);
    expect(expired).toEqual(['early']);
    clock.advance(500);
    expect(expired).toEqual(['early', 'late']);
  });

  it('leave alone what has ended, and what shares its timer not', () => {
    const { clock, expired, call, deadlines } = setUp();
    const [ended, open] = [call('ended', 100), call('open', 100)];
    deadlines.add(ended);
    deadlines.add(open);
    deadlines.remove(ended);
    clock.advance(200);
    expect(expired).toEqual(['open']);
  });

  it('share a timer where they are close, and keep none when all has ended', () => {
    const { clock, call, deadlines } = setUp();
    const calls = Array.from({ length: 100 }, (_, index) => call('', 5_000 + (index % 2) * 100));
    for (const one of calls) deadlines.add(one);
    expect(clock.pendingMs()).toHaveLength(2);
    for (const one of calls) deadlines.remove(one);
    expect(clock.pendingMs()).toEqual([]);
  });
});
