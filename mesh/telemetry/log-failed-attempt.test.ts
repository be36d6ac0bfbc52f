import { Status } from 'nice-grpc-common';
import { beforeEach, describe, expect, it } from 'vitest';
import { MeshError } from '../errors/mesh-error.ts';
import { type CapturedLog, captureLog } from '../testing/captured-log.ts';
import { createTestClock, type TestClock } from '../testing/test-clock.ts';
import { type FailedAttemptOptions, logFailedAttempt } from './log-failed-attempt.ts';

describe('the log of failed attempts', () => {
  let log: CapturedLog;
  let clock: TestClock;
  beforeEach(() => {
    log = captureLog({ level: 'debug' });
    clock = createTestClock();
  });

  const unavailable = (thing: string, answer = 'connect ECONNREFUSED') =>
    new MeshError(Status.UNAVAILABLE, 'AWAY', `${thing} cannot be used: ${answer}`, { cause: new Error(answer) });

  function fail(err: unknown, options: Partial<FailedAttemptOptions> = {}): void {
    const { logger } = log;
    logFailedAttempt({ logger: logger.child({ part: 'p' }), clock, ...options }, { err }, 'failed; retrying');
  }
  const levels = () => log.lines.map(({ level }) => level);

  it('has one line for an outage, no matter how many parts meet it', () => {
    for (const database of ['order', 'user', 'report']) fail(unavailable(database));
    fail(unavailable('order'), { level: 'warn' });
    expect(levels()).toEqual(['error', 'debug', 'debug', 'debug']);
  });

  it('has a line for each cause and for each output', () => {
    fail(unavailable('order'));
    fail(unavailable('order', 'connection terminated'));
    const others = captureLog();
    logFailedAttempt({ logger: others.logger, clock }, { err: unavailable('order') }, 'failed; retrying');
    expect(levels()).toEqual(['error', 'error']);
    expect(others.lines).toHaveLength(1);
  });

  it('repeats a warning as an error if a part needs that', () => {
    fail(unavailable('order'), { level: 'warn' });
    fail(unavailable('order'));
    fail(unavailable('order'));
    expect(levels()).toEqual(['warn', 'error', 'debug']);
  });

  it('logs an outage again after 30 s without it', () => {
    fail(unavailable('order'));
    clock.advance(29_000);
    fail(unavailable('order'), { failures: 2 });
    clock.advance(29_000);
    fail(unavailable('user'));
    clock.advance(30_000);
    fail(unavailable('user'));
    expect(levels()).toEqual(['error', 'debug', 'debug', 'error']);
  });

  it('logs another failure that follows an outage once, even if the outage was known', () => {
    fail(unavailable('order'));
    fail(unavailable('user'));
    for (const failures of [2, 3]) fail(new Error('bug'), { failures });
    expect(levels()).toEqual(['error', 'debug', 'error', 'debug']);
  });

  it('logs an outage that follows another failure', () => {
    fail(new Error('bug'));
    for (const failures of [2, 3]) fail(unavailable('order'), { failures });
    fail(unavailable('user'));
    expect(levels()).toEqual(['error', 'error', 'debug', 'debug']);
  });

  it('logs the first attempt of every part for any other failure', () => {
    for (const failures of [1, 2]) fail(new Error('bug'), { failures });
    fail(new Error('bug'));
    expect(levels()).toEqual(['error', 'debug', 'error']);
  });
});
