import { EventEmitter } from 'node:events';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { systemClock } from '../../time/clock.ts';
import { failure, startPeer, user } from '../testing/peer.ts';
import { type Breaker, createBreaker } from './breaker.ts';

const { logger, lines } = captureLog();

const fail = (code: Status) => () => Promise.reject(new MeshError(code, 'SOME_REASON', 'failed'));
const succeed = () => Promise.resolve('well');

async function runTimes(times: number, breaker: Breaker, call: () => Promise<unknown>): Promise<void> {
  for (let run = 0; run < times; run++) await breaker.run(call).catch((error: unknown) => error);
}

describe('a breaker', () => {
  let rotation: EventEmitter;
  let breaker: Breaker;

  // opossum has timers of its own, so it is the machine's clock that is turned here.
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.UTC(2026, 4, 1) });
    lines.length = 0;
    rotation = new EventEmitter();
    breaker = createBreaker({ target: 'user.v1.UserService queries', clock: systemClock, logger, rotation });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED, Status.RESOURCE_EXHAUSTED])(
    'opens after 20 calls that failed because the target is unhealthy (%s)',
    async (code) => {
      await runTimes(19, breaker, fail(code));
      await expect(breaker.run(succeed)).resolves.toBe('well');
      await runTimes(1, breaker, fail(code));

      await expect(breaker.run(succeed)).rejects.toMatchObject({ code: Status.UNAVAILABLE, reason: 'CIRCUIT_OPEN' });
    },
  );

  it('reports its target and when it will let a call through', async () => {
    await runTimes(20, breaker, fail(Status.UNAVAILABLE));
    vi.advanceTimersByTime(2_000);

    await expect(breaker.run(succeed)).rejects.toMatchObject({
      message: expect.stringMatching(/user\.v1\.UserService queries.*2026-05-01T00:00:05\.000Z/),
      metadata: { target: 'user.v1.UserService queries' },
      retryAfterMs: 3_000,
    });
    expect(lines.map(({ msg }) => msg).join()).toContain('circuit opened');
  });

  it('says with what the last call failed, also after one was let through', async () => {
    const failAs = (reason: string) => () => Promise.reject(new MeshError(Status.UNAVAILABLE, reason, 'failed'));
    await runTimes(20, breaker, failAs('CARRIER_UNAVAILABLE'));
    await runTimes(1, breaker, fail(Status.NOT_FOUND));

    const opened = expect.stringContaining('too many failed, the last with CARRIER_UNAVAILABLE: retry at');
    await expect(breaker.run(succeed)).rejects.toMatchObject({ message: opened });
    expect(lines).toMatchObject([{ msg: 'circuit opened', reason: 'CARRIER_UNAVAILABLE' }]);

    vi.advanceTimersByTime(5_000);
    await runTimes(1, breaker, failAs('STORAGE_FULL'));
    await runTimes(1, breaker, fail(Status.CANCELLED));

    const stillOpen = expect.stringContaining('the last with STORAGE_FULL: retry at');
    await expect(breaker.run(succeed)).rejects.toMatchObject({ message: stillOpen });
  });

  it('asks for the same delay after the machine clock was set back', async () => {
    await runTimes(20, breaker, fail(Status.UNAVAILABLE));
    vi.setSystemTime(Date.UTC(2026, 3, 1));
    vi.advanceTimersByTime(2_000);

    await expect(breaker.run(succeed)).rejects.toMatchObject({
      message: expect.stringContaining('2026-04-01T00:00:05.000Z'),
      retryAfterMs: 3_000,
    });
  });

  it.each([
    Status.NOT_FOUND,
    Status.INVALID_ARGUMENT,
    Status.FAILED_PRECONDITION,
    Status.ABORTED,
    Status.INTERNAL,
    Status.CANCELLED,
  ])('stays closed if calls fail with another code (%s)', async (code) => {
    await runTimes(100, breaker, fail(code));

    await expect(breaker.run(succeed)).resolves.toBe('well');
  });

  it('stays closed if calls are late whose callers had no time', async () => {
    const late = fail(Status.DEADLINE_EXCEEDED);
    for (let run = 0; run < 100; run++) await breaker.run(late, true).catch(() => undefined);
    for (let run = 0; run < 100; run++) await breaker.watch(late, true).catch(() => undefined);

    await expect(breaker.run(succeed)).resolves.toBe('well');
    for (let run = 0; run < 250; run++) await breaker.run(fail(Status.UNAVAILABLE), true).catch(() => undefined);
    await expect(breaker.run(succeed)).rejects.toMatchObject({ reason: 'CIRCUIT_OPEN' });
  });

  it.each(['MESSAGE_TOO_LARGE', 'METADATA_TOO_LARGE', 'RATE_LIMITED', 'TOO_MANY_TOKENS'])(
    'stays closed if calls are refused with %s',
    async (reason) => {
      await runTimes(100, breaker, () => Promise.reject(new MeshError(Status.RESOURCE_EXHAUSTED, reason, 'too large')));

      await expect(breaker.run(succeed)).resolves.toBe('well');
    },
  );

  it('opens again if the call that it let through was late because its caller had no time', async () => {
    await runTimes(20, breaker, fail(Status.UNAVAILABLE));
    vi.advanceTimersByTime(5_000);
    await breaker.run(fail(Status.DEADLINE_EXCEEDED), true).catch(() => undefined);

    await expect(breaker.run(succeed)).rejects.toMatchObject({ reason: 'CIRCUIT_OPEN' });
  });

  it('stays closed while at least half of the calls succeed', async () => {
    for (let pair = 0; pair < 30; pair++) {
      await runTimes(1, breaker, succeed);
      await runTimes(1, breaker, fail(Status.UNAVAILABLE));
    }

    await expect(breaker.run(succeed)).resolves.toBe('well');
  });

  it('ignores calls older than 10 s', async () => {
    await runTimes(19, breaker, fail(Status.UNAVAILABLE));
    for (let second = 0; second < 10; second++) rotation.emit('rotate');
    await runTimes(19, breaker, fail(Status.UNAVAILABLE));

    await expect(breaker.run(succeed)).resolves.toBe('well');
  });

  it('lets one call through after 5 s, and closes if that succeeds', async () => {
    await runTimes(20, breaker, fail(Status.UNAVAILABLE));
    vi.advanceTimersByTime(5_000);
    const probe = Promise.withResolvers<string>();

    const probing = breaker.run(() => probe.promise);
    await expect(breaker.run(succeed)).rejects.toMatchObject({ reason: 'CIRCUIT_OPEN' });
    probe.resolve('back');

    await expect(probing).resolves.toBe('back');
    await expect(breaker.run(succeed)).resolves.toBe('well');
    expect(lines.map(({ msg }) => msg).join()).toContain('circuit closed');
  });

  it('opens again if the call that it let through fails or is cancelled', async () => {
    await runTimes(20, breaker, fail(Status.UNAVAILABLE));
    for (const code of [Status.UNAVAILABLE, Status.CANCELLED]) {
      vi.advanceTimersByTime(5_000);
      await runTimes(1, breaker, fail(code));

      await expect(breaker.run(succeed)).rejects.toMatchObject({ reason: 'CIRCUIT_OPEN' });
    }
  });

  it('is not blocked while half-open by a stream that waits for its first message', async () => {
    await runTimes(20, breaker, fail(Status.UNAVAILABLE));
    await expect(breaker.watch(succeed)).rejects.toMatchObject({ reason: 'CIRCUIT_OPEN' });
    vi.advanceTimersByTime(5_000);
    const first = Promise.withResolvers<string>();

    const waiting = breaker.watch(() => first.promise);
    await expect(breaker.run(succeed)).resolves.toBe('well');
    first.resolve('late');

    await expect(waiting).resolves.toBe('late');
  });

  it('counts how streams begin', async () => {
    for (let run = 0; run < 20; run++) {
      await expect(breaker.watch(fail(Status.UNAVAILABLE))).rejects.toMatchObject({ reason: 'SOME_REASON' });
    }

    await expect(breaker.run(succeed)).rejects.toMatchObject({ reason: 'CIRCUIT_OPEN' });
  });
});

describe('the breakers of a client', () => {
  it('stop calls to a failing server, without retries, and do not affect the other group of methods', async () => {
    let attempts = 0;
    await using peer = await startPeer({
      getUser(_, answer) {
        attempts += 1;
        answer(failure(Status.UNAVAILABLE, {}, { 'grpc-retry-pushback-ms': '-1' }));
      },
      createUser: (_, answer) => answer(null, user('made')),
    });
    for (let call = 0; call < 20; call++) await expect(peer.client.getUser({})).rejects.toThrow('refused');

    await expect(peer.client.getUser({}, { deadline: Date.now() + 60_000 })).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      reason: 'CIRCUIT_OPEN',
      path: '/user.v1.UserService/GetUser',
    });
    await expect(peer.client.batchGetUsers({})).rejects.toMatchObject({ reason: 'CIRCUIT_OPEN' });
    expect((await peer.client.createUser({})).id).toBe('made');
    expect(attempts).toBe(20);
  });

  it('let single reads through while the server sheds listings', async () => {
    await using peer = await startPeer({
      listUsers: (call) => call.emit('error', failure(Status.RESOURCE_EXHAUSTED)),
      getUser: (_, answer) => answer(null, user('read')),
    });
    const list = () => Array.fromAsync(peer.client.listUsers({}));
    for (let call = 0; call < 20; call++) await expect(list()).rejects.toThrow('refused');

    await expect(list()).rejects.toMatchObject({
      reason: 'CIRCUIT_OPEN',
      metadata: { target: 'user.v1.UserService listings' },
    });
    expect((await peer.client.getUser({})).id).toBe('read');
  });
});
