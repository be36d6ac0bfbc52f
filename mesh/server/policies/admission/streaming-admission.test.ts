import { setTimeout as delay } from 'node:timers/promises';
import { Status } from 'nice-grpc';
import { describe, expect, it, onTestFinished } from 'vitest';
import { User } from '../../../../gen/ts/user/v1/user.ts';
import { engineNames } from '../../../engines/engines.ts';
import { eventually } from '../../../testing/eventually.ts';
import { grpcFrame } from '../../../testing/grpc-frame.ts';
import type { EchoHandlers } from '../../testing/echo-service.ts';
import { rawConnection } from '../../testing/raw-call.ts';
import { ada, heldHandlers, named, startLimited } from './testing/start-limited.ts';

describe.each(engineNames)('admission of streams on %s', (engineName) => {
  it('does not let streams that wait for a change block other calls', async () => {
    const { signal } = new AbortController();
    const watching: EchoHandlers['many'] = async function* watch(request, context) {
      yield request;
      const ended = AbortSignal.any([signal, context.signal]);
      await context.idle(() => delay(2 ** 30, undefined, { signal: ended }).catch(() => undefined));
    };
    const { connect } = await startLimited(engineName, { many: watching }, { working: 2 });
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
    const { connect } = await startLimited(engineName, { many: list }, { working: 20, workingPerConnection: 8 });
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
    const { connect } = await startLimited(engineName, {}, { working: 1 });
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
    const { connect } = await startLimited(engineName, { one: held.one, many }, { working: 1 });
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
    const { connect, address } = await startLimited(engineName, { many: endless }, { working: 1 });
    const session = await rawConnection(address);
    onTestFinished(() => session.destroy());
    const path = '/test.v1.EchoService/Many';
    const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
    stream.on('error', () => undefined);
    stream.end(grpcFrame(User.encode(ada).finish()));
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
    const { connect } = await startLimited(engineName, { many }, { streamsPerConnection: 2 });
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
});
