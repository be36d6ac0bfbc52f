import { Status } from 'nice-grpc-common';
import { describe, expect, it, vi } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import { failure, type PeerHandlers, startPeer } from './testing/peer.ts';

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
