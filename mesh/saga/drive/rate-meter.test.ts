import { expect, it } from 'vitest';
import { createTestClock } from '../../testing/test-clock.ts';
import { assumedPerSecond, createRateMeter, minPerSecond } from './rate-meter.ts';

function setUp() {
  const clock = createTestClock();
  let isIdle = false;
  const meter = createRateMeter(clock, () => isIdle);
  /** Lets seconds pass in which sagas finish and calls get no answer, with or without a free slot. */
  const pass = (seconds: number, { finished = 0, unanswered = 0, idle = false }) => {
    isIdle = idle;
    for (let second = 0; second < seconds; second += 1) {
      for (let each = 0; each < unanswered; each += 1) meter.noteUnanswered();
      for (let each = 0; each < finished; each += 1) {
        clock.advance(1_000 / finished);
        meter.noteFinished();
      }
      if (finished === 0) clock.advance(1_000);
    }
  };
  return { clock, meter, pass };
}

it('assumes a rate before the first backlog, and keeps it while there is none', () => {
  const { meter, pass } = setUp();
  expect(meter.perSecond()).toBe(assumedPerSecond);
  pass(60, { finished: 2, idle: true });
  expect(meter.perSecond()).toBe(assumedPerSecond);
});

it('measures how many finish per second while others wait for a slot, up and down', () => {
  const { meter, pass } = setUp();
  pass(30, { finished: 200 });
  expect(meter.perSecond()).toBeCloseTo(200, 0);
  pass(30, { finished: 40 });
  expect(meter.perSecond()).toBeCloseTo(40, 0);
});

it('keeps its rate while a service is unavailable, and while nothing happens', () => {
  const { clock, meter, pass } = setUp();
  pass(30, { finished: 200 });
  pass(300, { finished: 5, unanswered: 50 });
  clock.advance(300_000);
  pass(2, { finished: 1 });
  expect(meter.perSecond()).toBeGreaterThan(100);
});

it('never returns less than the minimum', () => {
  const { meter, pass } = setUp();
  pass(60, { finished: 2 });
  expect(meter.perSecond()).toBe(minPerSecond);
});
