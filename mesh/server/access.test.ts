import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { Status } from 'nice-grpc';
import { describe, expect, it, onTestFinished } from 'vitest';
import { User } from '../../gen/ts/user/v1/user.ts';
import type { AccessRule } from '../contract/contract.ts';
import { MeshError } from '../errors/mesh-error.ts';
import type { Caller } from '../identity/caller.ts';
import { plainAuthenticator } from '../security/testing/plain-authenticator.ts';
import { currentScope } from '../telemetry/call-scope.ts';
import { grpcFrame } from '../testing/grpc-frame.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import { sleep } from '../time/sleep.ts';
import type { EchoHandlers } from './testing/echo-service.ts';
import { rawCall } from './testing/raw-call.ts';
import { ada as message, startEcho } from './testing/start-echo.ts';

const nobody = {};
const ada = { 'test-subject': 'u1', 'test-roles': 'user' };
const bob = { 'test-subject': 'u2', 'test-roles': 'user' };
const operator = { 'test-subject': 'u3', 'test-roles': 'operator', 'request-reason': 'a test' };
const order = { 'test-service': 'order' };

const start = (access: AccessRule | undefined, handlers: Partial<EchoHandlers> = {}, clock: Clock = systemClock) =>
  startEcho(handlers, access && { access }, { authenticator: plainAuthenticator, clock });

const { OK, UNAUTHENTICATED, PERMISSION_DENIED, INTERNAL } = Status;
const methods = ['One', 'Many', 'Collect', 'Chat'];

describe('a method', () => {
  it.each(methods)('%s without a rule is denied to everyone', async (method) => {
    const { raw } = await start(undefined);
    for (const who of [ada, operator, order]) expect((await raw(method, message, who)).status).toBe(PERMISSION_DENIED);
    expect((await raw(method, message, nobody)).status).toBe(UNAUTHENTICATED);
  });

  it.each(methods)('%s is for its services and roles', async (method) => {
    const { raw } = await start({ services: ['order'], roles: ['operator'] });
    expect((await raw(method, message, ada)).status).toBe(PERMISSION_DENIED);
    for (const who of [operator, order]) expect((await raw(method, message, who)).status).toBe(OK);
  });

  it.each(['One', 'Many'])('%s is for the user that a field of the request names', async (method) => {
    let calls = 0;
    const handlers: Partial<EchoHandlers> = {
      one: async (request) => {
        calls += 1;
        return request;
      },
      async *many(request) {
        calls += 1;
        yield request;
      },
    };
    const { raw } = await start({ roles: ['operator'], owner: { in: 'request', path: ['id'] } }, handlers);
    expect((await raw(method, message, bob)).status).toBe(PERMISSION_DENIED);
    expect(calls).toBe(0);
    for (const who of [ada, operator]) expect((await raw(method, message, who)).status).toBe(OK);
  });

  it.each(methods)('%s shows each response only to the user whom it names', async (method) => {
    const own: Partial<EchoHandlers> = {
      one: async () => ({ id: 'u1' }),
      async *many() {
        yield { id: 'u1' };
        yield { id: 'u2' };
      },
      collect: async () => ({ id: 'u1' }),
      async *chat() {
        yield { id: 'u1' };
      },
    };
    const { raw } = await start({ roles: ['operator'], owner: { in: 'response', path: ['id'] } }, own);
    const denied = await raw(method, message, bob);
    expect(denied.status).toBe(PERMISSION_DENIED);
    expect(denied.body.length).toBe(0);
    expect((await raw(method, message, ada)).status).toBe(method === 'Many' ? PERMISSION_DENIED : OK);
    expect((await raw(method, message, operator)).status).toBe(OK);
  });

  it('answers a user alike for what is missing and for what is of others', async () => {
    const notFound = new MeshError(Status.NOT_FOUND, 'NOTE_NOT_FOUND', 'note not found');
    const one: EchoHandlers['one'] = async ({ name }) => {
      if (name === 'missing') throw notFound;
      return { id: 'u1' };
    };
    const { raw } = await start({ roles: ['operator'], owner: { in: 'response', path: ['id'] } }, { one });
    const get = (name: string, who: Record<string, string>) => raw('One', { ...message, name }, who);
    expect(await get('missing', bob)).toEqual(await get('there', bob));
    expect((await get('missing', bob)).status).toBe(PERMISSION_DENIED);
    expect((await get('missing', operator)).status).toBe(Status.NOT_FOUND);
  });
});

describe('a handler that checks the owner', () => {
  const rule: AccessRule = { roles: ['operator'], owner: { in: 'handler' } };

  it.each(methods)('of %s fails if it forgets to', async (method) => {
    const { raw } = await start(rule);
    const forgotten = await raw(method, message, ada);
    expect(forgotten).toMatchObject({ status: INTERNAL });
    expect(forgotten.body.length).toBe(0);
    expect((await raw(method, message, operator)).status).toBe(OK);
  });

  it('decides for users alone', async () => {
    const one: EchoHandlers['one'] = async (request, context) => {
      context.assertOwner(request.name === 'missing' ? undefined : 'u1');
      return request;
    };
    const { raw } = await start(rule, { one });
    expect((await raw('One', message, ada)).status).toBe(OK);
    expect((await raw('One', message, bob)).status).toBe(PERMISSION_DENIED);
    expect((await raw('One', { ...message, name: 'missing' }, ada)).status).toBe(PERMISSION_DENIED);
    expect((await raw('One', { ...message, name: 'missing' }, operator)).status).toBe(OK);
  });
});

it('shows handlers who calls, in their context and in the scope', async () => {
  const seen: (Caller | undefined)[] = [];
  const one: EchoHandlers['one'] = async (request, context) => {
    seen.push(context.caller, currentScope()?.caller);
    return request;
  };
  const { raw } = await start({ roles: ['*'] }, { one });
  await raw('One', message, operator);
  expect(seen).toEqual(Array.from({ length: 2 }, () => ({ service: undefined, subject: 'u3', roles: ['operator'] })));
});

it('denies before it decodes, and logs what would have been needed, and not each call', async () => {
  const { session, lines } = await start({ roles: ['operator'] });
  const undecodable = () => rawCall(session, '/test.v1.EchoService/One', grpcFrame(Buffer.from([0xff])), ada);
  const [denied] = [await undecodable(), await undecodable()];
  expect(lines.filter(({ msg, level }) => msg === 'call' && level !== 'debug')).toEqual([]);
  expect(denied.message).toBe(
    '/test.v1.EchoService/One is not permitted for user "u1": see docs/authorization.md for who may call it',
  );
  expect(lines).toContainEqual(
    expect.objectContaining({ msg: 'call denied', subject: 'u1', roles: ['user'], needs: 'role operator' }),
  );
});

it.each(methods)('finishes the change %s even if the token of its caller expires meanwhile', async (method) => {
  const slow = () => sleep(systemClock, 150);
  const handlers: Partial<EchoHandlers> = {
    one: (request) => slow().then(() => request),
    collect: () => slow().then(() => ({})),
    async *many(request) {
      await slow();
      yield request;
    },
    async *chat() {
      await slow();
      yield {};
    },
  };
  const { raw } = await start({ roles: ['*'] }, handlers);
  const { status } = await raw(method, message, { ...ada, 'test-expires-ms': String(Date.now() + 50) });
  expect(status).toBe(OK);
});

it.each([
  ['Collect', 'while it waits for the next request', 0],
  ['Chat', 'while it waits for the next request', 0],
  ['Collect', 'while a request is handled', 300],
])('ends the requests of the change %s when the token expires %s, and answers those before', async (method, _, ms) => {
  const collect: EchoHandlers['collect'] = async (requests) => {
    const names: string[] = [];
    for await (const { name } of requests) {
      await sleep(systemClock, ms);
      names.push(name);
    }
    return { name: names.join() };
  };
  // It stands still, so the token expires 200 ms after the call has arrived, however long that takes.
  const clock = createTestClock();
  const { session, lines } = await start({ roles: ['*'] }, { collect }, clock);
  const stream = session.request({
    ':method': 'POST',
    ':path': `/test.v1.EchoService/${method}`,
    'content-type': 'application/grpc',
    ...ada,
    'test-expires-ms': String(clock.now() + 200),
  });
  onTestFinished(() => {
    stream.destroy();
  });
  const frame = grpcFrame(User.encode(message).finish());
  const closed = once(stream, 'trailers');
  const received = buffer(stream);
  stream.write(frame);
  if (ms > 0) stream.write(frame);
  expect((await closed)[0]).toMatchObject({ 'grpc-status': `${OK}` });
  expect(User.decode((await received).subarray(5)).name).toBe('Ada');
  expect(lines).toContainEqual(expect.objectContaining({ msg: expect.stringContaining('requests ended') }));
});

it('ends a stream when the token of its caller expires', async () => {
  async function* many(_: unknown, { signal }: { readonly signal: AbortSignal }) {
    yield message;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }
  const contract = { access: { roles: ['*'] }, idempotency: 'no-side-effects' };
  const { raw } = await startEcho({ many }, contract, { authenticator: plainAuthenticator });
  const ended = await raw('Many', message, { ...ada, 'test-expires-ms': String(Date.now() + 200) });
  expect(ended).toMatchObject({ status: UNAUTHENTICATED, message: expect.stringContaining('its token expired') });
});
