import { setTimeout as delay } from 'node:timers/promises';
import { Status } from 'nice-grpc';
import { describe, expect, it, onTestFinished } from 'vitest';
import { User } from '../../../../gen/ts/user/v1/user.ts';
import { engineNames } from '../../../engines/engines.ts';
import { eventually } from '../../../testing/eventually.ts';
import { grpcFrame } from '../../../testing/grpc-frame.ts';
import { rawCall, rawConnection } from '../../testing/raw-call.ts';
import { type AdmissionPolicy, fixedLimits } from './policy.ts';
import { ada, heldHandlers, named, startLimited } from './testing/start-limited.ts';

describe.each(engineNames)('admission on %s', (engineName) => {
  it('runs as many handlers as there are slots, and the others in order', async () => {
    const held = heldHandlers();
    const { connect } = await startLimited(engineName, { one: held.one }, { working: 2 });
    const { calls } = connect();
    const answers = ['a', 'b', 'c', 'd'].map((name) => calls.one(named(name)));
    await eventually(() => expect(held.begun).toEqual(['a', 'b']));
    held.returnOne();
    await answers[0];
    await eventually(() => expect(held.begun).toEqual(['a', 'b', 'c']));
    held.returnOne();
    await eventually(() => expect(held.begun).toEqual(['a', 'b', 'c', 'd']));
    held.returnAll();
    await expect(Promise.all(answers)).resolves.toHaveLength(4);
  });

  it('gives one connection a part of the slots, and then the connections in turn', async () => {
    const held = heldHandlers();
    const { connect } = await startLimited(engineName, { one: held.one }, { working: 3, workingPerConnection: 2 });
    const { calls: greedy } = connect();
    const { calls: modest, health } = connect();
    const answers = ['g1', 'g2', 'g3', 'g4'].map((name) => greedy.one(named(name)));
    await eventually(() => expect(held.begun).toEqual(['g1', 'g2']));
    answers.push(modest.one(named('m1')));
    await eventually(() => expect(held.begun).toEqual(['g1', 'g2', 'm1']));
    answers.push(modest.one(named('m2')));
    // It follows on the same connection, so the first has arrived.
    await health.check({ service: '' });
    held.returnOne();
    await eventually(() => expect(held.begun).toHaveLength(4));
    held.returnOne();
    await eventually(() => expect(held.begun.slice(3)).toEqual(['m2', 'g3']));
    held.returnAll();
    await eventually(() => expect(held.begun).toHaveLength(6));
    held.returnAll();
    await Promise.all(answers);
  });

  it('counts a handler until it returns, even if its call was cancelled or its deadline passed', async () => {
    const held = heldHandlers();
    const { connect } = await startLimited(engineName, { one: held.one }, { working: 2 });
    const { calls } = connect();
    const giveUp = new AbortController();
    const cancelled = calls.one(named('cancelled'), { signal: giveUp.signal }).catch((error) => error.name);
    await eventually(() => expect(held.begun).toEqual(['cancelled']));
    giveUp.abort();
    expect(await cancelled).toBe('AbortError');
    const late = calls.one(named('late'), { signal: AbortSignal.timeout(500) }).catch((error) => error.name);
    await late;
    expect(held.begun).toEqual(['cancelled', 'late']);
    const waiting = calls.one(named('waiting'));
    await connect().health.check({ service: '' });
    expect(held.begun).toEqual(['cancelled', 'late']);
    held.returnOne();
    await eventually(() => expect(held.begun).toEqual(['cancelled', 'late', 'waiting']));
    held.returnAll();
    await waiting;
  });

  it('does not start a call that ends before its turn', async () => {
    const held = heldHandlers();
    const { connect, address } = await startLimited(engineName, { one: held.one }, { working: 1 });
    const { calls, health } = connect();
    const first = calls.one(named('first'));
    await eventually(() => expect(held.begun).toEqual(['first']));
    const giveUp = new AbortController();
    const cancelled = calls.one(named('cancelled'), { signal: giveUp.signal }).catch((error) => error.name);
    const session = await rawConnection(address);
    onTestFinished(() => session.destroy());
    const body = grpcFrame(User.encode(named('expired')).finish());
    const expired = rawCall(session, '/test.v1.EchoService/One', body, { 'grpc-timeout': '100m' });
    const last = calls.one(named('last'));
    expect(await expired).toMatchObject({ status: Status.DEADLINE_EXCEEDED });
    giveUp.abort();
    expect(await cancelled).toBe('AbortError');
    // It follows the cancellation on the same connection, so that has arrived.
    await health.check({ service: '' });
    held.returnOne();
    await first;
    await eventually(() => expect(held.begun).toEqual(['first', 'last']));
    held.returnOne();
    await last;
  });

  it('refuses calls beyond the limit of waiting ones, and sends a retry delay', async () => {
    const held = heldHandlers();
    const { connect, address } = await startLimited(engineName, { one: held.one }, { working: 1, waiting: 2 });
    const { calls } = connect();
    const taken = [calls.one(named('a'))];
    await eventually(() => expect(held.begun).toEqual(['a']));
    taken.push(calls.one(named('b')), calls.one(named('c')));
    const session = await rawConnection(address);
    onTestFinished(() => session.destroy());
    const body = grpcFrame(User.encode(named('d')).finish());
    await eventually(async () => {
      const answer = await rawCall(session, '/test.v1.EchoService/One', body, { 'grpc-timeout': '50m' });
      expect(answer).toMatchObject({
        status: Status.RESOURCE_EXHAUSTED,
        details: { reason: 'SERVER_OVERLOADED', retryAfterMs: 1_000 },
      });
    });
    for (const name of ['a', 'b', 'c']) {
      await eventually(() => expect(held.begun.at(-1)).toBe(name));
      held.returnOne();
    }
    await expect(Promise.all(taken)).resolves.toHaveLength(3);
  });

  it.each([
    ['a connection', { waitingBytesPerConnection: 100_000 }, {}],
    ['the process', {}, { waitingBytes: 100_000 }],
  ])('limits the bytes of waiting requests of %s, until those start or are cancelled', async (_, limits, process) => {
    const held = heldHandlers();
    const { connect } = await startLimited(engineName, { one: held.one }, { working: 1, ...limits }, process);
    const { calls, health } = connect();
    const large = (name: string) => named(name.repeat(60_000));
    const giveUp = new AbortController();
    const answers = [calls.one(large('a'))];
    await eventually(() => expect(held.begun).toHaveLength(1));
    answers.push(calls.one(large('b')));
    const cancelled = calls.one(large('c'), { signal: giveUp.signal }).catch((error) => error.name);
    await health.check({ service: '' });
    const refusal = { code: Status.RESOURCE_EXHAUSTED, details: expect.stringContaining('call again later') };
    await expect(calls.one(named('d'))).rejects.toMatchObject(refusal);
    giveUp.abort();
    expect(await cancelled).toBe('AbortError');
    await health.check({ service: '' });
    answers.push(calls.one(large('e')));
    await health.check({ service: '' });
    await expect(calls.one(named('f'))).rejects.toMatchObject(refusal);
    for (const count of [1, 2, 3]) {
      await eventually(() => expect(held.begun).toHaveLength(count));
      held.returnOne();
    }
    await expect(Promise.all(answers)).resolves.toHaveLength(3);
    const last = calls.one(named('g'));
    await eventually(() => expect(held.begun).toHaveLength(4));
    held.returnOne();
    await last;
  });

  it('answers health checks while no other call can start', async () => {
    const held = heldHandlers();
    const { connect } = await startLimited(engineName, { one: held.one }, { working: 1 });
    const client = connect();
    const answer = client.calls.one(ada);
    await eventually(() => expect(held.begun).toHaveLength(1));
    const waiting = client.calls.one(ada);
    expect(await client.health.check({ service: '' })).toBeDefined();
    held.returnOne();
    await answer;
    await eventually(() => expect(held.begun).toHaveLength(2));
    held.returnOne();
    await waiting;
  });

  it('starts the waiting calls while the server drains', async () => {
    const held = heldHandlers();
    const { connect, server } = await startLimited(engineName, { one: held.one }, { working: 1 });
    const { calls, health } = connect();
    const answers = ['a', 'b', 'c'].map((name) => calls.one(named(name)));
    // It follows them on the same connection, so they have arrived.
    await health.check({ service: '' });
    const drained = server.drain(10_000);
    for (const name of ['a', 'b', 'c']) {
      await eventually(() => expect(held.begun.at(-1)).toBe(name));
      held.returnOne();
    }
    await expect(Promise.all(answers)).resolves.toHaveLength(3);
    await drained;
  });

  it('reports to its policy how long handlers waited and ran', async () => {
    const held = heldHandlers();
    const seen: [waitedMs: number, workedMs: number][] = [];
    const policy: AdmissionPolicy = {
      ...fixedLimits({ working: 1 }),
      returned: (...times) => void seen.push(times),
    };
    const { connect } = await startLimited(engineName, { one: held.one }, policy);
    const { calls, health } = connect();
    const answers = [calls.one(named('a')), calls.one(named('b'))];
    await eventually(() => expect(held.begun).toEqual(['a']));
    // It follows on the same connection, so the other has arrived.
    await health.check({ service: '' });
    await delay(20);
    held.returnOne();
    await eventually(() => expect(held.begun).toEqual(['a', 'b']));
    held.returnOne();
    await Promise.all(answers);
    const [first, second] = seen;
    expect(first?.[1]).toBeGreaterThanOrEqual(19);
    expect(second?.[0]).toBeGreaterThanOrEqual(19);
  });
});
