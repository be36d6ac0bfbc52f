import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type EchoDefinition, echoService } from '../../server/testing/echo-service.ts';
import { serveForTest } from '../../server/testing/serve-echo.ts';
import { runInScope } from '../../telemetry/call-scope.ts';
import { eventually } from '../../testing/eventually.ts';
import type { MeshClient } from '../client-factory.ts';
import { clientFactory, type PeerHandlers, startPeer, user } from '../testing/peer.ts';
import { callDeadline, isHurried } from './deadline.ts';

const nowMs = 1_780_000_000_000;

describe('the deadline of a call', () => {
  it('is the timeout of its method by default', () => {
    expect(callDeadline({}, { nowMs, timeoutMs: 5000, scopeDeadlineMs: undefined })).toBe(nowMs + 5000);
  });

  it('is the one that its caller sets, as a date or as a number', () => {
    const time = { nowMs, timeoutMs: 5000, scopeDeadlineMs: undefined };

    expect(callDeadline({ deadline: nowMs + 9000 }, time)).toBe(nowMs + 9000);
    expect(callDeadline({ deadline: new Date(nowMs + 100) }, time)).toBe(nowMs + 100);
  });

  it('is never later than that of the call it is made for', () => {
    const time = { nowMs, timeoutMs: 5000, scopeDeadlineMs: nowMs + 300 };

    expect(callDeadline({}, time)).toBe(nowMs + 300);
    expect(callDeadline({ deadline: nowMs + 9000 }, time)).toBe(nowMs + 300);
    expect(callDeadline({}, { ...time, scopeDeadlineMs: nowMs + 60_000 })).toBe(nowMs + 5000);
  });

  it.each([new Date('soon'), Number.NaN])('is refused if it is no time: %s', (deadline) => {
    const time = { nowMs, timeoutMs: 5000, scopeDeadlineMs: nowMs + 300 };

    expect(() => callDeadline({ deadline }, time)).toThrow(TypeError);
  });

  it('is absent for a stream outside of a call', () => {
    expect(callDeadline({}, { nowMs, timeoutMs: undefined, scopeDeadlineMs: undefined })).toBeUndefined();
  });
});

describe('a call is hurried', () => {
  const time = { nowMs, scopeDeadlineMs: undefined };

  it.each([
    [undefined, 5_000, false],
    [2_499, 5_000, true],
    [2_500, 5_000, false],
    [60_000, undefined, true],
    [undefined, undefined, false],
  ])('with %s ms of the %s ms of its method: %s', (leftMs, timeoutMs, expected) => {
    expect(isHurried(leftMs === undefined ? undefined : nowMs + leftMs, { ...time, timeoutMs })).toBe(expected);
  });
});

/** Answers with the milliseconds that the caller allowed. */
const sendBackTimeout: PeerHandlers = {
  getUser: (call, answer) => answer(null, user(String(Number(call.getDeadline()) - Date.now()))),
};

describe('a call with a deadline', () => {
  it('sends its timeout to the server', async () => {
    await using peer = await startPeer(sendBackTimeout);

    const timeoutMs = Number((await peer.client.getUser({})).id);

    expect(timeoutMs).toBeLessThanOrEqual(5000);
    expect(timeoutMs).toBeGreaterThan(3000);
  });

  it('never sends more than a day, which servers on grpc-js would misread', async () => {
    await using peer = await startPeer(sendBackTimeout);

    const timeoutMs = Number((await peer.client.getUser({}, { deadline: Date.now() + 60 * 86_400_000 })).id);

    expect(timeoutMs).toBeLessThanOrEqual(86_400_000);
    expect(timeoutMs).toBeGreaterThan(86_300_000);
  });

  it('ends with DEADLINE_EXCEEDED if the server does not answer in time', async () => {
    await using peer = await startPeer({ getUser: () => undefined });

    await expect(peer.client.getUser({}, { deadline: Date.now() + 50 })).rejects.toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
      reason: 'DEADLINE_EXCEEDED',
    });
  });

  it('ends with DEADLINE_EXCEEDED, not CANCELLED, if the call that it is made for ran out of time', async () => {
    const begun = Promise.withResolvers<void>();
    await using peer = await startPeer({ getUser: () => begun.resolve() });
    const expired = new AbortController();
    const deadlineMs = Date.now() + 20;
    const scope = { requestId: 'r', traceparent: '', deadlineMs, signal: expired.signal };

    const outcome = expect(runInScope(scope, () => peer.client.getUser({}))).rejects.toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
    });
    await eventually(() => expect(Date.now()).toBeGreaterThanOrEqual(deadlineMs), { intervalMs: 1 });
    expired.abort();

    await outcome;
  });

  it('is not sent if no time is left', async () => {
    let calls = 0;
    await using peer = await startPeer({ getUser: (_, answer) => answer(null, user(String(++calls))) });

    await expect(peer.client.getUser({}, { deadline: Date.now() - 1 })).rejects.toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
      path: '/user.v1.UserService/GetUser',
      message: expect.stringContaining('was not started'),
    });
    expect(calls).toBe(0);
  });

  it('leaves a call at the second hop less time than the first hop had', async () => {
    await using far = await startPeer(sendBackTimeout);
    const remaining: number[] = [];
    const service = echoService({
      async one(_, context) {
        remaining.push(context.remainingMs());
        await eventually(() => expect(context.remainingMs()).toBeLessThan(2_900), { intervalMs: 5 });
        remaining.push(Number((await far.client.getUser({})).id));
        return {};
      },
    });
    const near = await serveForTest({ serves: [service] });
    onTestFinished(() => near.server.drain(0));
    const factory = clientFactory(near.address);
    onTestFinished(() => factory.close());
    const client = factory.client(service.contract) as unknown as MeshClient<typeof EchoDefinition>;

    await client.one({}, { deadline: Date.now() + 3_000 });

    expect(remaining[0]).toBeLessThanOrEqual(3_000);
    expect(remaining[1]).toBeLessThan(2_900);
  });
});
