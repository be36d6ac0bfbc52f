import { ClientError, Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { MeshError } from '../errors/mesh-error.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import { failure, startPeer, user } from './testing/peer.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('a client', () => {
  it('completes the request of a unary method', async () => {
    await using peer = await startPeer({ getUser: (call, answer) => answer(null, user(call.request.id)) });

    expect(await peer.client.getUser({ id: 'u1' })).toEqual(user('u1'));
  });

  it('streams requests to a client-streaming method', async () => {
    await using peer = await startPeer({
      importUsers(call, answer) {
        let imported = 0n;
        call.on('data', () => (imported += 1n));
        call.on('end', () => answer(null, { imported, failures: [] }));
      },
    });
    async function* users() {
      for (const id of ['a', 'b', 'c']) yield { user: user(id) };
    }

    expect(await peer.client.importUsers(users())).toEqual({ imported: 3n, failures: [] });
  });

  it('gives a mutation without a request id a new one, and keeps a given one and the message of the caller', async () => {
    await using peer = await startPeer({ createUser: (call, answer) => answer(null, user(call.request.requestId)) });
    const request = { user: { name: 'Ann' } };

    expect((await peer.client.createUser(request)).id).toMatch(uuid);
    expect(request).toEqual({ user: { name: 'Ann' } });
    expect((await peer.client.createUser({ requestId: 'mine' })).id).toBe('mine');
  });

  it('sends request id and trace of the call that it is made for, and new ones outside of a call', async () => {
    await using peer = await startPeer({
      getUser: (call, answer) =>
        answer(null, user([...call.metadata.get('x-request-id'), ...call.metadata.get('traceparent')].join(' '))),
    });
    const scope = { requestId: 'request-1', traceparent, deadlineMs: undefined, signal: undefined };

    const inside = await runInScope(scope, () => peer.client.getUser({}));
    const outside = await peer.client.getUser({});

    expect(inside.id).toBe(`request-1 ${traceparent}`);
    expect(outside.id).toMatch(/^\S{36} 00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  it('sends the metadata of the caller, and passes header and trailer to it', async () => {
    await using peer = await startPeer({
      getUser(call, answer) {
        const echoed = call.metadata.clone();
        call.sendMetadata(echoed);
        answer(null, user('u1'), echoed);
      },
    });
    const seen: unknown[] = [];
    const bytes = new Uint8Array([0, 255, 7]);

    await peer.client.getUser(
      {},
      {
        metadata: Metadata({ 'x-tenant': 'acme', 'x-proof-bin': bytes }),
        onHeader: (header) => seen.push(header.get('x-tenant'), header.get('x-proof-bin')),
        onTrailer: (trailer) => seen.push(trailer.get('x-tenant')),
      },
    );

    expect(seen).toEqual(['acme', Buffer.from(bytes), 'acme']);
  });
});

describe('the error of a call', () => {
  it('has code, reason, metadata, violations and retry delay from the server', async () => {
    const violations = [{ field: 'user.email', description: 'must be an e-mail address' }];
    await using peer = await startPeer({
      createUser: (_, answer) =>
        answer(
          failure(Status.INVALID_ARGUMENT, {
            reason: 'INVALID_FIELD',
            metadata: { a: 'b' },
            violations,
            retryAfterMs: 1500,
          }),
        ),
    });

    const error = await peer.client.createUser({}).catch((caught: unknown) => caught);

    expect(error).toBeInstanceOf(MeshError);
    expect(error).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_FIELD',
      message: 'refused',
      metadata: { a: 'b' },
      violations,
      retryAfterMs: 1500,
    });
  });

  it('is a ClientError for code that was written for nice-grpc', async () => {
    await using peer = await startPeer({});

    const error = await peer.client.getUser({}).catch((caught: unknown) => caught);

    expect(error).toBeInstanceOf(ClientError);
    expect(error).toMatchObject({ path: '/user.v1.UserService/GetUser', code: Status.UNIMPLEMENTED });
    expect(error).toHaveProperty('details', expect.stringContaining('getUser'));
  });

  it('has the name of its code as reason if the server gave none', async () => {
    await using peer = await startPeer({
      getUser: (_, answer) => answer({ code: Status.NOT_FOUND, details: 'no user' }),
    });

    await expect(peer.client.getUser({})).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'NOT_FOUND' });
  });

  it.each([
    [Status.UNAVAILABLE, 'call again later'],
    [Status.RESOURCE_EXHAUSTED, 'send less, or call again later'],
    [Status.DEADLINE_EXCEEDED, 'check whether it took effect, or allow more time'],
    [Status.ABORTED, 'check whether it took effect'],
    [Status.INTERNAL, 'check whether it took effect'],
  ])('has a text for others that fits its code %i if the server gave no reason', async (code, action) => {
    await using peer = await startPeer({ getUser: (_, answer) => answer({ code, details: 'at 10.0.0.1' }) });
    const client = peer.anotherClient({ retry: { maxAttempts: 1 } });
    const publicText = `call to user.v1.UserService failed with ${Status[code]}: ${action}`;
    await expect(client.getUser({})).rejects.toMatchObject({ code, publicText });
  });

  it('is thrown by a stream after the messages before it', async () => {
    await using peer = await startPeer({
      listUsers(call) {
        call.write(user('u1'));
        call.emit('error', failure(Status.DATA_LOSS, { reason: 'TORN_PAGE' }));
      },
    });
    const seen: string[] = [];

    const reading = (async () => {
      for await (const { id } of peer.client.listUsers({})) seen.push(id);
    })();

    await expect(reading).rejects.toMatchObject({ code: Status.DATA_LOSS, reason: 'TORN_PAGE' });
    expect(seen).toEqual(['u1']);
  });

  it('is that of the source if the source of a request stream fails', async () => {
    await using peer = await startPeer({ importUsers: (call) => call.resume() });
    const fault = new Error('the file ended early');
    // biome-ignore lint/correctness/useYield: a source that fails before its first message
    async function* broken() {
      throw fault;
    }

    await expect(peer.client.importUsers(broken())).rejects.toBe(fault);
  });
});

describe('the cancellation of a call', () => {
  it('ends the call with CANCELLED and reaches the server', async () => {
    const cancelled = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    await using peer = await startPeer({
      getUser(call) {
        call.on('cancelled', () => cancelled.resolve());
        begun.resolve();
      },
    });
    const giveUp = new AbortController();

    const call = peer.client.getUser({}, { signal: giveUp.signal });
    const outcome = expect(call).rejects.toMatchObject({ code: Status.CANCELLED, reason: 'CANCELLED' });
    await begun.promise;
    giveUp.abort();

    await outcome;
    await expect(cancelled.promise).resolves.toBeUndefined();
  });

  it('comes from the call that it is made for, in addition to its own signal', async () => {
    const begun = Promise.withResolvers<void>();
    await using peer = await startPeer({ getUser: () => begun.resolve() });
    const outer = new AbortController();
    const scope = { requestId: 'r', traceparent, deadlineMs: undefined, signal: outer.signal };

    const call = runInScope(scope, () => peer.client.getUser({}, { signal: new AbortController().signal }));
    const outcome = expect(call).rejects.toMatchObject({ code: Status.CANCELLED });
    await begun.promise;
    outer.abort();

    await outcome;
  });

  it('keeps a call from starting if it was cancelled before', async () => {
    let calls = 0;
    await using peer = await startPeer({ getUser: (_, answer) => answer(null, user(String(++calls))) });

    await expect(peer.client.getUser({}, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: Status.CANCELLED,
    });
    expect(calls).toBe(0);
  });
});
