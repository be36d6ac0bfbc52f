import { createHash } from 'node:crypto';
import { createChannel, createClientFactory, ServerError, Status } from 'nice-grpc';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { User } from '../../gen/ts/user/v1/user.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { grpcFrame } from '../testing/grpc-frame.ts';
import { EchoDefinition, type EchoHandlers, echoService, needsNameAndEmail } from './testing/echo-service.ts';
import { rawCall } from './testing/raw-call.ts';
import { serveForTest } from './testing/serve-echo.ts';
import { ada, requestStream, startEcho } from './testing/start-echo.ts';

describe('a server', () => {
  it('answers a unary call', async () => {
    const { client } = await startEcho();
    expect(await client.one(ada)).toEqual(ada);
  });

  it('streams responses in order', async () => {
    const { client } = await startEcho();
    const ids = await Array.fromAsync(client.many(ada), (user) => user.id);
    expect(ids).toEqual(['0', '1', '2', '3', '4']);
  });

  it('collects a stream of requests', async () => {
    const { client } = await startEcho();
    expect((await client.collect(requestStream('a', 'b', 'c'))).name).toBe('a,b,c');
  });

  it('responds while requests still arrive', async () => {
    const { client } = await startEcho();
    const names = await Array.fromAsync(client.chat(requestStream('a', 'b')), (user) => user.name);
    expect(names).toEqual(['a', 'b']);
  });

  it('completes a partial response', async () => {
    const { client } = await startEcho({ one: async () => ({ name: 'Ada' }) });
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

describe('validation', () => {
  it.each(['One', 'Many'])(
    'refuses a request of %s with every rule that it breaks, before the handler',
    async (method) => {
      const handler = vi.fn();
      const { raw } = await startEcho({ one: handler, many: handler }, { validate: needsNameAndEmail });
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
    const { client } = await startEcho({}, { validate: needsNameAndEmail });
    expect((await client.collect(requestStream('a', ''))).name).toBe('a,');
  });
});

describe('an error', () => {
  it('reaches the caller with its details', async () => {
    const error = new MeshError(Status.NOT_FOUND, 'USER_NOT_FOUND', 'there is no user u1', { metadata: { id: 'u1' } });
    const { raw } = await startEcho({ one: () => Promise.reject(error) });
    const details = { reason: 'USER_NOT_FOUND', metadata: { id: 'u1' } };
    expect(await raw('One', ada)).toMatchObject({ status: Status.NOT_FOUND, message: 'there is no user u1', details });
  });

  it('is logged with its cause if the server is at fault', async () => {
    const error = new MeshError(Status.UNAVAILABLE, 'STORAGE_BUSY', 'try later', { cause: new Error('disk') });
    const { raw, lines } = await startEcho({ one: () => Promise.reject(error) });
    expect(JSON.stringify(await raw('One', ada))).not.toContain('disk');
    const cause = expect.objectContaining({ message: 'try later: disk' });
    expect(lines).toEqual([expect.objectContaining({ level: 'warn', code: 'UNAVAILABLE', err: cause })]);
  });

  it("reaches the caller with nice-grpc's code and trailer", async () => {
    const handlers: Partial<EchoHandlers> = {
      async one(_, context) {
        context.trailer.set('x-trailer', 'kept');
        throw new ServerError(Status.FAILED_PRECONDITION, 'not now');
      },
    };
    const { client } = await startEcho(handlers);
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
    const { raw, lines } = await startEcho(handlers);
    const answer = await raw(method, ada, { 'x-request-id': 'r-7' });
    expect(answer).toMatchObject({
      status: Status.INTERNAL,
      details: { reason: 'INTERNAL', metadata: { requestId: 'r-7' } },
    });
    expect(answer.message).toContain('r-7');
    expect(JSON.stringify(answer)).not.toContain('secret');
    expect(lines).toEqual([
      expect.objectContaining({
        level: 'error',
        request_id: 'r-7',
        err: expect.objectContaining({ message: 'secret' }),
      }),
      expect.objectContaining({ level: 'warn', request_id: 'r-7', code: 'INTERNAL', duration_ms: expect.any(Number) }),
    ]);
  });
});

describe('a response that cannot be encoded', () => {
  // An integer that is not one.
  const odd = { createTime: { getTime: () => 'never' } } as unknown as Partial<User>;
  const handlers: EchoHandlers = {
    one: async () => odd,
    async *many(user) {
      yield user;
      yield odd;
    },
    collect: async () => odd,
    async *chat() {
      yield odd;
    },
  };

  it.each(['One', 'Many', 'Collect', 'Chat'])('is INTERNAL to the caller of %s and in the log', async (method) => {
    const { raw, lines } = await startEcho(handlers);
    const answer = await raw(method, ada, { 'x-request-id': 'r-8' });
    expect(answer).toMatchObject({ status: Status.INTERNAL, details: { metadata: { requestId: 'r-8' } } });
    expect(lines).toEqual([
      expect.objectContaining({ level: 'error', request_id: 'r-8', err: expect.anything() }),
      expect.objectContaining({ level: 'warn', request_id: 'r-8', code: 'INTERNAL' }),
    ]);
  });
});

describe('a request of random bytes', () => {
  it('is handled or refused as undecodable, and the server keeps running', async () => {
    const { session, raw } = await startEcho();
    const noise = (length: number) => createHash('shake256', { outputLength: length }).update(`${length}`).digest();
    const nested = Buffer.concat(Array.from({ length: 10_000 }, () => Buffer.from([0x0b])));
    const bodies = [nested, ...Array.from({ length: 300 }, (_, index) => noise(index + 1))];
    for (const body of bodies) {
      const { status } = await rawCall(session, '/test.v1.EchoService/One', grpcFrame(body));
      expect([Status.OK, Status.INVALID_ARGUMENT]).toContain(status);
    }
    expect((await raw('One', ada)).status).toBe(Status.OK);
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
    const { client, server, address } = await startEcho(handlers);
    const answer = client.one(ada);
    await started;
    const drained = server.drain(10_000);
    const late = createChannel(address);
    onTestFinished(() => late.close());
    await expect(createClientFactory().create(EchoDefinition, late).one(ada)).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
    });
    resolve(ada);
    expect(await answer).toEqual(ada);
    await drained;
  });
});
