import { Status } from 'nice-grpc-common';
import { beforeEach, describe, expect, it } from 'vitest';
import { MeshError } from '../errors/mesh-error.ts';
import { type CapturedLog, captureLog } from '../testing/captured-log.ts';
import { createTestClock, type TestClock } from '../testing/test-clock.ts';
import { type FailedAttemptOptions, logFailedAttempt, logRecovery } from './log-failed-attempt.ts';

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

describe('the log of an outage of a server', () => {
  const away = (reason: string, answer: string, host?: string) =>
    new MeshError(Status.UNAVAILABLE, reason, `away: ${answer}`, { cause: new Error(answer), host });
  const tasks = away('TASKS_UNAVAILABLE', 'read ECONNRESET');

  function outage() {
    const { logger, lines } = captureLog({ level: 'debug' });
    const clock = createTestClock();
    return {
      clock,
      fail: (err: unknown) => logFailedAttempt({ logger, clock }, { err }, 'failed; retrying'),
      recover: (err: unknown) => logRecovery({ logger, clock }, { err }, 'recovered'),
      /** The lines that are not at `debug`. */
      shown: () =>
        lines.filter(({ level }) => level !== 'debug').map(({ level, failing_s: s }) => (s ? [level, s] : [level])),
    };
  }

  it.each([
    ['RabbitMQ', 'TASKS_UNAVAILABLE', ['read ECONNRESET', 'connect ECONNREFUSED', 'RabbitMQ did not answer']],
    ['Kafka', 'EVENTS_UNAVAILABLE', ['Connection error', 'The coordinator is loading', 'no leader']],
    ['PostgreSQL', 'STORAGE_UNAVAILABLE', ['terminating connection', 'connect ECONNREFUSED', 'is starting up']],
  ])('has one line for all texts of %s, and one when it returns', (_, reason, answers) => {
    const { clock, fail, recover, shown } = outage();
    for (const answer of answers) {
      fail(away(reason, answer));
      clock.advance(3_000);
    }
    for (const answer of answers) recover(away(reason, answer));
    expect(shown()).toEqual([['warn'], ['info', 9]]);
  });

  it('has an error once it has lasted for 30 s', () => {
    const { clock, fail, recover, shown } = outage();
    for (let seconds = 0; seconds <= 60; seconds += 5) {
      fail(tasks);
      clock.advance(5_000);
    }
    recover(tasks);
    expect(shown()).toEqual([['warn'], ['error', 30], ['info', 65]]);
  });

  it('has a line for the next outage, but not for those who notice the last one late', () => {
    const { clock, fail, recover, shown } = outage();
    fail(tasks);
    clock.advance(1_000);
    recover(tasks);
    clock.advance(9_000);
    fail(tasks);
    recover(tasks);
    clock.advance(1_000);
    fail(tasks);
    expect(shown()).toEqual([['warn'], ['info', 1], ['warn']]);
  });

  it('has another error for a text that begins later and lasts for 30 s', () => {
    const { clock, fail, shown } = outage();
    const meetFor = (seconds: number, answers: readonly string[]) => {
      for (let passed = 0; passed < seconds; passed += 5) {
        for (const answer of answers) fail(away('EVENTS_UNAVAILABLE', answer));
        clock.advance(5_000);
      }
    };
    meetFor(60, ['connect ECONNREFUSED 10.0.0.1:9092', 'connect ECONNREFUSED 10.0.0.2:9092', 'disconnected']);
    expect(shown()).toEqual([['warn'], ['error', 30]]);
    meetFor(20, ['The coordinator is loading']);
    expect(shown()).toHaveLength(2);
    meetFor(60, ['not enough replicas']);
    expect(shown()).toEqual([['warn'], ['error', 30], ['error', 110]]);
  });

  it('is repeated every 10 minutes, as an error', () => {
    const { clock, fail, shown } = outage();
    for (let seconds = 0; seconds <= 1_300; seconds += 5) {
      fail(tasks);
      fail(away('TASKS_MISCONFIGURED', 'vhost orders was refused'));
      clock.advance(5_000);
    }
    const levels = shown().map(([level, s = 0]) => `${level} ${s}`);
    expect(levels.toSorted()).toEqual(
      ['warn 0', 'error 0', 'error 30', 'error 600', 'error 630', 'error 1200', 'error 1230'].toSorted(),
    );
  });

  it('does not hide that the server then refuses the program', () => {
    const { clock, fail, shown } = outage();
    for (let seconds = 0; seconds <= 35; seconds += 5) {
      fail(tasks);
      clock.advance(5_000);
    }
    fail(away('TASKS_MISCONFIGURED', 'vhost orders was refused'));
    expect(shown()).toEqual([['warn'], ['error', 30], ['error']]);
  });

  it('does not hide an outage of the server of another database', () => {
    const { fail, shown } = outage();
    for (const host of ['db-a:5432', 'db-b:5432', 'db-a:5432'])
      fail(away('STORAGE_UNAVAILABLE', 'connect ECONNREFUSED', host));
    expect(shown()).toEqual([['warn'], ['warn']]);
  });

  it('is one of a host with several addresses, too', () => {
    const { fail, shown } = outage();
    const refused = new AggregateError([new Error('connect ECONNREFUSED ::1:1'), new Error('connect ECONNREFUSED')]);
    const error = new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', 'away', { cause: refused });
    fail(error);
    expect(shown()).toEqual([['warn']]);
  });

  it.each([
    'all 5 connections of this process were in use for 5 s',
    'canceling statement due to lock timeout',
    'canceling statement due to statement timeout',
    'timeout exceeded when trying to connect',
  ])('does not begin with "%s" of one database', (answer) => {
    const { clock, fail, shown } = outage();
    for (let seconds = 0; seconds < 40; seconds += 5) {
      fail(away('STORAGE_UNAVAILABLE', answer, 'db-a:5432'));
      clock.advance(5_000);
    }
    expect(shown()).toEqual([['error']]);
    fail(away('STORAGE_UNAVAILABLE', 'connect ECONNREFUSED', 'db-a:5432'));
    expect(shown()).toEqual([['error'], ['warn']]);
  });

  it('keeps databases apart that are locked', () => {
    const { fail, shown } = outage();
    for (const name of ['order', 'user']) fail(away('STORAGE_UNAVAILABLE', `${name} is locked`));
    expect(shown()).toEqual([['error'], ['error']]);
  });

  it('has a line for each recovery from anything else', () => {
    const { fail, recover, shown } = outage();
    fail(new Error('bug'));
    recover(new Error('bug'));
    recover(new Error('bug'));
    expect(shown()).toEqual([['error'], ['info'], ['info']]);
  });
});
