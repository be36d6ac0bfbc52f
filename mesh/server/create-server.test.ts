import { createHash } from 'node:crypto';
import { createChannel, createClientFactory, Metadata, ServerError, Status } from 'nice-grpc';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { User } from '../../gen/ts/user/v1/user.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { currentScope } from '../telemetry/call-scope.ts';
import { eventually } from '../testing/eventually.ts';
import { createTestClock } from '../testing/test-clock.ts';
import type { MeshCallContext } from './call-context.ts';
import type { ServerOptions } from './create-server.ts';
import { EchoDefinition, type EchoHandlers, echoService, needsNameAndEmail } from './testing/echo-service.ts';
import { frame, rawCall, rawConnection } from './testing/raw-call.ts';
import { serveForTest } from './testing/serve-echo.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(handlers: Partial<EchoHandlers> = {}, contract = {}, options: Partial<ServerOptions> = {}) {
  const served = await serveForTest({ serves: [echoService(handlers, contract)], ...options });
  const channel = createChannel(served.address);
  const session = await rawConnection(served.address);
  session.on('error', () => undefined);
  cleanups.push(
    () => served.server.drain(0),
    () => channel.close(),
    () => session.destroy(),
  );
  const client = createClientFactory().create(EchoDefinition, channel);
  const raw = (method: string, message: User, headers: Record<string, string> = {}) =>
    rawCall(session, `/test.v1.EchoService/${method}`, frame(User.encode(message).finish()), headers);
  return { ...served, client, session, raw };
}

const ada = User.fromPartial({ id: 'u1', name: 'Ada', email: 'ada@example.com' });

async function* stream(...names: string[]) {
  for (const name of names) yield { name };
}

/** Waits for the signal and ends as nice-grpc's handlers do. */
function aborted({ signal }: MeshCallContext): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
  });
}

const never = new Promise<never>(() => undefined);

describe('a server', () => {
  it('answers a unary call', async () => {
    const { client } = await start();
    expect(await client.one(ada)).toEqual(ada);
  });

  it('streams responses in order', async () => {
    const { client } = await start();
    const ids = await Array.fromAsync(client.many(ada), (user) => user.id);
    expect(ids).toEqual(['0', '1', '2', '3', '4']);
  });

  it('collects a stream of requests', async () => {
    const { client } = await start();
    expect((await client.collect(stream('a', 'b', 'c'))).name).toBe('a,b,c');
  });

  it('responds while requests still arrive', async () => {
    const { client } = await start();
    const names = await Array.fromAsync(client.chat(stream('a', 'b')), (user) => user.name);
    expect(names).toEqual(['a', 'b']);
  });

  it('completes a partial response', async () => {
    const { client } = await start({ one: async () => ({ name: 'Ada' }) });
    expect(await client.one(ada)).toEqual(User.fromPartial({ name: 'Ada' }));
  });

  it('refuses a service with a missing handler', async () => {
    const { one, ...handlers } = echoService().handlers;
    expect(one).toBeDefined();
    await expect(serveForTest({ serves: [{ contract: echoService().contract, handlers }] })).rejects.toThrow(
      '/test.v1.EchoService/One has no handler',
    );
  });
});

describe('the deadline of a call', () => {
  it('is that of the contract if the caller sets none', async () => {
    const seen: MeshCallContext[] = [];
    const clock = createTestClock();
    const handlers: Partial<EchoHandlers> = {
      one: async (request, context) => {
        seen.push(context);
        return request;
      },
    };
    const { client } = await start(handlers, { timeoutMs: 5_000 }, { clock });
    await client.one(ada);
    expect(seen[0]?.remainingMs()).toBe(5_000);
    expect(seen[0]?.deadlineMs).toBe(clock.now() + 5_000);
    expect(clock.pendingMs()).toEqual([]);
  });

  it('is that of its caller', async () => {
    const seen: number[] = [];
    const handlers: Partial<EchoHandlers> = {
      one: async (request, context) => {
        seen.push(context.remainingMs());
        return request;
      },
    };
    const { raw } = await start(handlers, { timeoutMs: 5 });
    expect((await raw('One', ada, { 'grpc-timeout': '60S' })).status).toBe(Status.OK);
    expect(seen[0]).toBeGreaterThan(50_000);
  });

  it.each(['One', 'Many', 'Collect', 'Chat'])('ends %s even if the handler ignores its signal', async (method) => {
    const signals: AbortSignal[] = [];
    const hang = (context: MeshCallContext) => {
      signals.push(context.signal);
      return never;
    };
    const stuck = (context: MeshCallContext) => ({ [Symbol.asyncIterator]: () => ({ next: () => hang(context) }) });
    const handlers: EchoHandlers = {
      one: (_, context) => hang(context),
      many: (_, context) => stuck(context),
      collect: (_, context) => hang(context),
      chat: (_, context) => stuck(context),
    };
    const { raw, lines } = await start(handlers, { timeoutMs: 30 });
    expect(await raw(method, ada)).toMatchObject({
      status: Status.DEADLINE_EXCEEDED,
      details: { reason: 'DEADLINE_EXCEEDED' },
    });
    expect(signals.map((signal) => signal.aborted)).toEqual([true]);
    expect(lines).toEqual([
      expect.objectContaining({ level: 40, method: `/test.v1.EchoService/${method}`, code: 'DEADLINE_EXCEEDED' }),
    ]);
  });
});

describe('a cancelled call', () => {
  it('aborts the signal of its handler', async () => {
    const { promise: started, resolve } = Promise.withResolvers<void>();
    const handlers: Partial<EchoHandlers> = {
      one: (_, context) => {
        resolve();
        return aborted(context);
      },
    };
    const { client, lines } = await start(handlers);
    const controller = new AbortController();
    const answer = client.one(ada, { signal: controller.signal });
    await started;
    controller.abort();
    await expect(answer).rejects.toThrow('aborted');
    await eventually(() => expect(lines).toEqual([expect.objectContaining({ level: 20, code: 'CANCELLED' })]));
  });

  it('closes the iterator of its handler', async () => {
    const { promise: closed, resolve } = Promise.withResolvers<string>();
    const handlers: Partial<EchoHandlers> = {
      async *many(request) {
        try {
          for (;;) yield request;
        } finally {
          resolve('closed');
        }
      },
    };
    const { client, lines } = await start(handlers);
    for await (const user of client.many(ada)) if (user) break;
    expect(await closed).toBe('closed');
    await eventually(() => expect(lines).toEqual([expect.objectContaining({ code: 'CANCELLED' })]));
  });
});

describe('validation', () => {
  it.each(['One', 'Many'])(
    'refuses a request of %s with every rule that it breaks, before the handler',
    async (method) => {
      const handler = vi.fn();
      const { raw } = await start({ one: handler, many: handler }, { validate: needsNameAndEmail });
      expect(await raw(method, User.fromPartial({}))).toMatchObject({
        status: Status.INVALID_ARGUMENT,
        details: {
          reason: 'INVALID_FIELD',
          violations: [
            { field: 'name', description: 'must not be empty' },
            { field: 'email', description: 'must not be empty' },
          ],
        },
      });
      expect(handler).not.toHaveBeenCalled();
    },
  );

  it('leaves streamed requests to the handler', async () => {
    const { client } = await start({}, { validate: needsNameAndEmail });
    expect((await client.collect(stream('a', ''))).name).toBe('a,');
  });
});

describe('an error', () => {
  it('reaches the caller with its details', async () => {
    const error = new MeshError(Status.NOT_FOUND, 'USER_NOT_FOUND', 'there is no user u1', { metadata: { id: 'u1' } });
    const { raw } = await start({ one: () => Promise.reject(error) });
    const details = { reason: 'USER_NOT_FOUND', metadata: { id: 'u1' } };
    expect(await raw('One', ada)).toMatchObject({ status: Status.NOT_FOUND, message: 'there is no user u1', details });
  });

  it('is logged with its cause if the server is at fault', async () => {
    const error = new MeshError(Status.UNAVAILABLE, 'STORAGE_BUSY', 'try later', { cause: new Error('disk') });
    const { raw, lines } = await start({ one: () => Promise.reject(error) });
    expect(JSON.stringify(await raw('One', ada))).not.toContain('disk');
    const cause = expect.objectContaining({ message: 'try later: disk' });
    expect(lines).toEqual([expect.objectContaining({ level: 40, code: 'UNAVAILABLE', err: cause })]);
  });

  it("reaches the caller with nice-grpc's code and trailer", async () => {
    const handlers: Partial<EchoHandlers> = {
      async one(_, context) {
        context.trailer.set('x-trailer', 'kept');
        throw new ServerError(Status.FAILED_PRECONDITION, 'not now');
      },
    };
    const { client } = await start(handlers);
    const onTrailer = vi.fn();
    await expect(client.one(ada, { onTrailer })).rejects.toMatchObject({
      code: Status.FAILED_PRECONDITION,
      details: 'not now',
    });
    expect(onTrailer.mock.calls[0]?.[0].get('x-trailer')).toBe('kept');
  });

  it.each(['One', 'Many'])('is logged and hidden from the caller if %s did not expect it', async (method) => {
    const handlers: Partial<EchoHandlers> = {
      one: () => Promise.reject(new TypeError('secret')),
      many: () => {
        throw new TypeError('secret');
      },
    };
    const { raw, lines } = await start(handlers);
    const answer = await raw(method, ada, { 'x-request-id': 'r-7' });
    expect(answer).toMatchObject({
      status: Status.INTERNAL,
      details: { reason: 'INTERNAL', metadata: { requestId: 'r-7' } },
    });
    expect(answer.message).toContain('r-7');
    expect(JSON.stringify(answer)).not.toContain('secret');
    expect(lines).toEqual([
      expect.objectContaining({ level: 50, request_id: 'r-7', err: expect.objectContaining({ message: 'secret' }) }),
      expect.objectContaining({ level: 40, request_id: 'r-7', code: 'INTERNAL', duration_ms: expect.any(Number) }),
    ]);
  });
});

describe('a request of random bytes', () => {
  it('is handled or refused as undecodable, and the server keeps running', async () => {
    const { session, raw } = await start();
    const noise = (length: number) => createHash('shake256', { outputLength: length }).update(`${length}`).digest();
    const nested = Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from([0x0b])));
    const bodies = [nested, ...Array.from({ length: 300 }, (_, index) => noise(index + 1))];
    for (const body of bodies) {
      const { status } = await rawCall(session, '/test.v1.EchoService/One', frame(body));
      expect([Status.OK, Status.INVALID_ARGUMENT]).toContain(status);
    }
    expect((await raw('One', ada)).status).toBe(Status.OK);
  });
});

describe('the scope of a call', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  async function scopeOf(metadata: Record<string, string>) {
    const seen: string[][] = [];
    const note = (context: MeshCallContext) => {
      seen.push([context.requestId, currentScope()?.requestId ?? '', currentScope()?.traceparent ?? '']);
    };
    const handlers: Partial<EchoHandlers> = {
      async one(request, context) {
        await null;
        note(context);
        return request;
      },
      async *many(request, context) {
        note(context);
        yield request;
        note(context);
      },
    };
    const { client, lines } = await start(handlers);
    await client.one(ada, { metadata: Metadata(metadata) });
    await Array.fromAsync(client.many(ada, { metadata: Metadata(metadata) }));
    return { seen, lines };
  }

  it('has the request id and the trace of the caller, with its own span', async () => {
    const { seen, lines } = await scopeOf({ 'x-request-id': 'order-17', traceparent });
    expect(seen).toHaveLength(3);
    for (const [id, scopeId, trace] of seen) {
      expect([id, scopeId]).toEqual(['order-17', 'order-17']);
      expect(trace).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
    }
    const line = { level: 20, code: 'OK', request_id: 'order-17', trace_id: '0af7651916cd43dd8448eb211c80319c' };
    expect(lines).toEqual([expect.objectContaining(line), expect.objectContaining(line)]);
  });

  it.each([
    {},
    { 'x-request-id': 'a b', traceparent: '00-00000000000000000000000000000000-b7ad6b7169203331-01' },
    { 'x-request-id': 'x'.repeat(129), traceparent: 'nonsense' },
  ])('is new if the caller sent no valid one: %j', async (metadata) => {
    const { seen } = await scopeOf(metadata);
    for (const [id, scopeId, trace] of seen) {
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      expect(scopeId).toBe(id);
      expect(trace).toMatch(/^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    }
  });
});

describe('a server that drains', () => {
  it('finishes the calls in progress and accepts no new ones', async () => {
    const { promise: started, resolve: begin } = Promise.withResolvers<void>();
    const { promise: finish, resolve } = Promise.withResolvers<User>();
    const handlers: Partial<EchoHandlers> = {
      one: () => {
        begin();
        return finish;
      },
    };
    const { client, server, address } = await start(handlers);
    const answer = client.one(ada);
    await started;
    const drained = server.drain(10_000);
    const late = createChannel(address);
    cleanups.push(() => late.close());
    await expect(createClientFactory().create(EchoDefinition, late).one(ada)).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
    });
    resolve(ada);
    expect(await answer).toEqual(ada);
    await drained;
  });
});
