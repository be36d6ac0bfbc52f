import { setTimeout as delay } from 'node:timers/promises';
import { createChannel, createClientFactory, Status } from 'nice-grpc';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HealthDefinition } from '../../../../gen/ts/grpc/health/v1/health.ts';
import { User } from '../../../../gen/ts/user/v1/user.ts';
import { engineByName, engineNames } from '../../../engines/engines.ts';
import { eventually } from '../../../testing/eventually.ts';
import { systemClock } from '../../../time/clock.ts';
import { createHealth } from '../../health/health.ts';
import { EchoDefinition, type EchoHandlers, echoService } from '../../testing/echo-service.ts';
import { frame, rawCall, rawConnection } from '../../testing/raw-call.ts';
import { serveForTest } from '../../testing/serve-echo.ts';
import { type AdmissionPolicy, type FixedLimits, fixedLimits } from './policy.ts';
import type { ProcessLimits } from './process-load.ts';

const ada = User.fromPartial({ id: 'u1', name: 'Ada' });

/** Unary handlers that work until the test has them return, whatever becomes of their calls. */
function heldHandlers() {
  const begun: string[] = [];
  const returns: (() => void)[] = [];
  const one: EchoHandlers['one'] = (request) => {
    begun.push(request.name);
    return new Promise((resolve) => returns.push(() => resolve(request)));
  };
  return {
    one,
    begun,
    returnOne: () => returns.shift()?.(),
    returnAll() {
      for (const end of returns.splice(0)) end();
    },
  };
}

describe.each(engineNames)('admission on %s', (engineName) => {
  async function start(
    handlers: Partial<EchoHandlers>,
    limits: FixedLimits | AdmissionPolicy,
    process: ProcessLimits = {},
  ) {
    const policy = 'hasSlot' in limits ? limits : fixedLimits(limits);
    const health = createHealth(systemClock);
    const served = await serveForTest({
      engine: await engineByName(engineName),
      serves: [echoService(handlers)],
      health,
      admission: () => policy,
      process,
    });
    onTestFinished(() => served.server.drain(0));
    /** A client with a connection of its own. */
    const connect = () => {
      const channel = createChannel(served.address, undefined, { 'grpc.use_local_subchannel_pool': 1 });
      onTestFinished(() => channel.close());
      const factory = createClientFactory();
      return { calls: factory.create(EchoDefinition, channel), health: factory.create(HealthDefinition, channel) };
    };
    return { ...served, connect };
  }

  const named = (name: string) => User.fromPartial({ name });

  it('runs as many handlers as there are slots, and the others in order', async () => {
    const held = heldHandlers();
    const { connect } = await start({ one: held.one }, { working: 2 });
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
    const { connect } = await start({ one: held.one }, { working: 3, workingPerConnection: 2 });
    const { calls: greedy } = connect();
    const { calls: modest, health } = connect();
    const answers = ['g1', 'g2', 'g3', 'g4'].map((name) => greedy.one(named(name)));
    await eventually(() => expect(held.begun).toEqual(['g1', 'g2']));
    answers.push(modest.one(named('m1')));
    await eventually(() => expect(held.begun).toEqual(['g1', 'g2', 'm1']));
    answers.push(modest.one(named('m2')));
    // Behind it on its connection, so that it has come.
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
    const { connect } = await start({ one: held.one }, { working: 2 });
    const { calls } = connect();
    const giveUp = new AbortController();
    const cancelled = calls.one(named('cancelled'), { signal: giveUp.signal }).catch((error) => error.name);
    await eventually(() => expect(held.begun).toEqual(['cancelled']));
    giveUp.abort();
    expect(await cancelled).toBe('AbortError');
    const late = calls.one(named('late'), { signal: AbortSignal.timeout(50) }).catch((error) => error.name);
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
    const { connect, address } = await start({ one: held.one }, { working: 1 });
    const { calls, health } = connect();
    const first = calls.one(named('first'));
    await eventually(() => expect(held.begun).toEqual(['first']));
    const giveUp = new AbortController();
    const cancelled = calls.one(named('cancelled'), { signal: giveUp.signal }).catch((error) => error.name);
    const session = await rawConnection(address);
    onTestFinished(() => session.destroy());
    const body = frame(User.encode(named('expired')).finish());
    const expired = rawCall(session, '/test.v1.EchoService/One', body, { 'grpc-timeout': '100m' });
    const last = calls.one(named('last'));
    expect(await expired).toMatchObject({ status: Status.DEADLINE_EXCEEDED });
    giveUp.abort();
    expect(await cancelled).toBe('AbortError');
    // Behind the cancellation on its connection, so that this has come.
    await health.check({ service: '' });
    held.returnOne();
    await first;
    await eventually(() => expect(held.begun).toEqual(['first', 'last']));
    held.returnOne();
    await last;
  });

  it('refuses calls beyond the limit of waiting ones, and sends a retry delay', async () => {
    const held = heldHandlers();
    const { connect, address } = await start({ one: held.one }, { working: 1, waiting: 2 });
    const { calls } = connect();
    const taken = [calls.one(named('a'))];
    await eventually(() => expect(held.begun).toEqual(['a']));
    taken.push(calls.one(named('b')), calls.one(named('c')));
    const session = await rawConnection(address);
    onTestFinished(() => session.destroy());
    const body = frame(User.encode(named('d')).finish());
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
    const { connect } = await start({ one: held.one }, { working: 1, ...limits }, process);
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
    const { connect } = await start({ one: held.one }, { working: 1 });
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

  it('does not let streams that wait for a change block other calls', async () => {
    const { signal } = new AbortController();
    const watching: EchoHandlers['many'] = async function* watch(request, context) {
      yield request;
      const ended = AbortSignal.any([signal, context.signal]);
      await context.idle(() => delay(2 ** 30, undefined, { signal: ended }).catch(() => undefined));
    };
    const { connect } = await start({ many: watching }, { working: 2 });
    const { calls } = connect();
    const streams = Array.from({ length: 5 }, () => calls.many(ada)[Symbol.asyncIterator]());
    for (const stream of streams) expect((await stream.next()).value).toEqual(ada);
    expect(await calls.one(ada)).toEqual(ada);
    for (const stream of streams) await stream.return?.();
  });

  it('runs only as many streaming handlers as there are slots, however long their first message takes', async () => {
    let [running, most] = [0, 0];
    const stored = Promise.withResolvers<void>();
    const list: EchoHandlers['many'] = async function* list(request) {
      running += 1;
      most = Math.max(most, running);
      try {
        // A database that is slow, and hears of no cancellation.
        await stored.promise;
        yield request;
      } finally {
        running -= 1;
      }
    };
    const { connect } = await start({ many: list }, { working: 20, workingPerConnection: 8 });
    const giveUp = new AbortController();
    const clients = Array.from({ length: 4 }, connect);
    const flood = (signal: AbortSignal) =>
      clients.flatMap(({ calls }) =>
        Array.from({ length: 50 }, () => Array.fromAsync(calls.many(ada, { signal })).catch((error) => error.name)),
      );
    const cancelled = flood(giveUp.signal);
    await eventually(() => expect(running).toBe(20));
    giveUp.abort();
    expect(new Set(await Promise.all(cancelled))).toEqual(new Set(['AbortError']));
    const answers = flood(new AbortController().signal);
    // Longer than it takes until all have come: those that were cancelled have not returned.
    await delay(200);
    await Promise.all(clients.map(({ health }) => health.check({ service: '' })));
    expect([running, most]).toEqual([20, 20]);
    stored.resolve();
    expect(await Promise.all(answers)).toEqual(answers.map(() => [ada]));
    expect(most).toBe(20);
  });

  it('does not let streams whose peer sends nothing block other calls', async () => {
    const { connect } = await start({}, { working: 1 });
    const { calls } = connect();
    const silence = Promise.withResolvers<void>();
    async function* requests() {
      yield ada;
      await silence.promise;
      yield ada;
    }
    const chat = calls.chat(requests())[Symbol.asyncIterator]();
    expect((await chat.next()).value).toEqual(ada);
    const collected = calls.collect(requests());
    expect(await calls.one(ada)).toEqual(ada);
    silence.resolve();
    expect((await chat.next()).value).toEqual(ada);
    expect((await chat.next()).done).toBe(true);
    expect(await collected).toMatchObject({ name: 'Ada,Ada' });
  });

  it('ends a streaming handler in its turn if its call was cancelled', async () => {
    const held = heldHandlers();
    const events: string[] = [];
    const many: EchoHandlers['many'] = async function* watch(request, { idle, signal }) {
      try {
        yield request;
        await idle(() => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())));
      } finally {
        events.push('watch has ended');
      }
    };
    const { connect } = await start({ one: held.one, many }, { working: 1 });
    const { calls, health } = connect();
    const giveUp = new AbortController();
    const watching = calls.many(ada, { signal: giveUp.signal })[Symbol.asyncIterator]();
    await watching.next();
    const end = watching.next().catch((error) => error.name);
    const answer = calls.one(ada);
    await eventually(() => expect(held.begun).toHaveLength(1));
    giveUp.abort();
    expect(await end).toBe('AbortError');
    await health.check({ service: '' });
    expect(events).toEqual([]);
    held.returnOne();
    await answer;
    await eventually(() => expect(events).toEqual(['watch has ended']));
    held.returnAll();
  });

  it('does not let a caller that reads nothing block other calls', async () => {
    const large = User.fromPartial({ name: 'x'.repeat(64 * 1024) });
    const endless: EchoHandlers['many'] = async function* flood() {
      for (;;) yield large;
    };
    const { connect, address } = await start({ many: endless }, { working: 1 });
    const session = await rawConnection(address);
    onTestFinished(() => session.destroy());
    const path = '/test.v1.EchoService/Many';
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
    stream.on('error', () => undefined);
    stream.end(frame(User.encode(ada).finish()));
    await new Promise((resolve) => stream.once('response', resolve));
    expect(await connect().calls.one(ada)).toEqual(ada);
  });

  it('counts the open streams, and refuses more than their limit', async () => {
    const begun: string[] = [];
    const stubborn = Promise.withResolvers<void>();
    const many: EchoHandlers['many'] = async function* work(request) {
      begun.push(request.name);
      yield request;
      await stubborn.promise;
    };
    const { connect } = await start({ many }, { streamsPerConnection: 2 });
    const { calls } = connect();
    const giveUp = new AbortController();
    for (const name of ['a', 'b']) {
      const stream = calls.many(named(name), { signal: giveUp.signal })[Symbol.asyncIterator]();
      await stream.next();
      stream.next().catch(() => undefined);
    }
    const third = () => Array.fromAsync(calls.many(named('c')));
    await expect(third()).rejects.toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    // Their callers are gone, but their handlers have not returned.
    giveUp.abort();
    await expect(third()).rejects.toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    stubborn.resolve();
    await eventually(() => third());
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  it('starts the waiting calls while the server drains', async () => {
    const held = heldHandlers();
    const { connect, server } = await start({ one: held.one }, { working: 1 });
    const { calls, health } = connect();
    const answers = ['a', 'b', 'c'].map((name) => calls.one(named(name)));
    // Behind them on their connection, so that they have come.
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
    const { connect } = await start({ one: held.one }, policy);
    const { calls } = connect();
    const answers = [calls.one(named('a')), calls.one(named('b'))];
    await eventually(() => expect(held.begun).toEqual(['a']));
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
