import { Status } from 'nice-grpc-common';
import { describe, expect, it, vi } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import { type CreateUserRequest, User } from '../../gen/ts/user/v1/user.ts';
import { failure, type PeerHandlers, startPeer, user } from './testing/peer.ts';

const unavailable = failure(Status.UNAVAILABLE, { reason: 'SERVER_DRAINING' });

/** Handlers that fail with `error`, and how often they were called. */
function failing(error = unavailable): { handlers: PeerHandlers; calls: () => number } {
  const fail = vi.fn((_: unknown, answer: (error: typeof unavailable) => void) => answer(error));
  return { handlers: { getUser: fail, createUser: fail }, calls: () => fail.mock.calls.length };
}

describe('the retry settings of a client', () => {
  it('bound the attempts of methods that may be repeated', async () => {
    const { handlers, calls } = failing();
    await using peer = await startPeer(handlers, UserServiceContract, { retry: { maxAttempts: 5, firstDelayMs: 1 } });

    await expect(peer.client.getUser({})).rejects.toMatchObject({ reason: 'SERVER_DRAINING' });

    expect(calls()).toBe(5);
  });

  it('switch retries off with one attempt', async () => {
    const { handlers, calls } = failing();
    await using peer = await startPeer(handlers, UserServiceContract, { retry: { maxAttempts: 1 } });

    await expect(peer.client.getUser({})).rejects.toMatchObject({ reason: 'SERVER_DRAINING' });

    expect(calls()).toBe(1);
  });

  it('bound the delay', async () => {
    const { handlers, calls } = failing();
    const retry = { maxAttempts: 4, firstDelayMs: 60_000, maxDelayMs: 1 };
    await using peer = await startPeer(handlers, UserServiceContract, { retry });

    await expect(peer.client.getUser({})).rejects.toMatchObject({ reason: 'SERVER_DRAINING' });

    expect(calls()).toBe(4);
  });
});

describe('the breaker settings of a client', () => {
  const breaker = { minimumCalls: 3, resetTimeoutMs: 60_000 };

  it('open its breaker, and not that of other clients of the service', async () => {
    const { handlers } = failing();
    const retry = { maxAttempts: 1 };
    await using peer = await startPeer(handlers, UserServiceContract, { breaker, retry });

    for (let call = 0; call < 3; call++) await expect(peer.client.getUser({})).rejects.toThrow('refused');

    await expect(peer.client.getUser({})).rejects.toMatchObject({
      reason: 'CIRCUIT_OPEN',
      retryAfterMs: expect.any(Number),
    });
    await expect(peer.anotherClient({ retry }).getUser({})).rejects.toMatchObject({ reason: 'SERVER_DRAINING' });
  });
});

describe('the fallback of a client', () => {
  const cached = (request: { id: string }) => User.create({ id: request.id, name: 'cached' });

  it.each([Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED, Status.RESOURCE_EXHAUSTED])(
    'answers a call whose service is unhealthy (%s), after the last attempt',
    async (code) => {
      const { handlers, calls } = failing(failure(code, { reason: 'DOWN' }));
      const reasons: string[] = [];
      await using peer = await startPeer(handlers, UserServiceContract, {
        retry: { maxAttempts: 2, firstDelayMs: 1 },
        fallback: {
          getUser: (error, request) => {
            reasons.push(error.reason);
            return cached(request);
          },
        },
      });

      expect(await peer.client.getUser({ id: 'u1' })).toEqual(cached({ id: 'u1' }));
      expect(reasons).toEqual(['DOWN']);
      expect(calls()).toBe(code === Status.UNAVAILABLE ? 2 : 1);
    },
  );

  it('answers while the circuit is open', async () => {
    const { handlers, calls } = failing();
    await using peer = await startPeer(handlers, UserServiceContract, {
      breaker: { minimumCalls: 1 },
      retry: { maxAttempts: 1 },
      fallback: { getUser: async (error, request) => User.create({ id: request.id, name: error.reason }) },
    });

    expect((await peer.client.getUser({})).name).toBe('SERVER_DRAINING');
    expect((await peer.client.getUser({})).name).toBe('CIRCUIT_OPEN');
    expect(calls()).toBe(1);
  });

  it('gets the request as it was sent, with its request id', async () => {
    let request: CreateUserRequest | undefined;
    const { handlers } = failing();
    await using peer = await startPeer(handlers, UserServiceContract, {
      retry: { maxAttempts: 1 },
      fallback: {
        createUser: (_, sent) => {
          request = sent;
          return user('later');
        },
      },
    });

    await peer.client.createUser({ user: { name: 'Ada' } });

    expect(request).toMatchObject({
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      user: { name: 'Ada', email: '' },
    });
  });

  it.each([
    [Status.NOT_FOUND, 'USER_NOT_FOUND'],
    [Status.DATA_LOSS, 'STORAGE_CORRUPT'],
  ])('is not used for other errors (%s %s), which are answers of the service', async (code, reason) => {
    const { handlers } = failing(failure(code, { reason }));
    const fallback = { getUser: () => user('u1') };
    await using peer = await startPeer(handlers, UserServiceContract, { fallback });

    await expect(peer.client.getUser({})).rejects.toMatchObject({ reason });
  });

  it('is not used for another method', async () => {
    const { handlers } = failing();
    const fallback = { getUser: () => user('u1') };
    await using peer = await startPeer(handlers, UserServiceContract, { retry: { maxAttempts: 1 }, fallback });

    await expect(peer.client.createUser({})).rejects.toMatchObject({ reason: 'SERVER_DRAINING' });
  });

  it('rejects the call with what it throws', async () => {
    const { handlers } = failing();
    await using peer = await startPeer(handlers, UserServiceContract, {
      retry: { maxAttempts: 1 },
      fallback: {
        getUser: (error) => {
          throw error;
        },
      },
    });

    await expect(peer.client.getUser({})).rejects.toMatchObject({ reason: 'SERVER_DRAINING' });
  });
});
