import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it, vi } from 'vitest';
import { UserServiceContract } from '../../../gen/ts/user/v1/user.contract.ts';
import type { TransportCall } from '../../engines/engine.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { CallError } from '../call-error.ts';
import { failure, startPeer, user } from '../testing/peer.ts';
import { retry } from './retry.ts';
import { createRetryBudget } from './retry-budget.ts';

const unavailable = failure(Status.UNAVAILABLE, { reason: 'SERVER_DRAINING' });
const lateDeadline = () => ({ deadline: Date.now() + 60_000 });

describe('a call that fails with UNAVAILABLE', () => {
  it('is tried again, as often as its contract says, with the same request id', async () => {
    const requestIds: string[] = [];
    await using peer = await startPeer({
      createUser(call, answer) {
        requestIds.push(call.request.requestId);
        if (requestIds.length < 3) answer(unavailable);
        else answer(null, user('made'));
      },
    });

    expect((await peer.client.createUser({})).id).toBe('made');
    expect(requestIds).toHaveLength(3);
    expect(new Set(requestIds).size).toBe(1);
    expect(requestIds[0]).not.toBe('');
  });

  it('fails with the last error when all tries did', async () => {
    let tries = 0;
    await using peer = await startPeer({
      getUser(_, answer) {
        tries += 1;
        answer(unavailable);
      },
    });

    await expect(peer.client.getUser({})).rejects.toMatchObject({ reason: 'SERVER_DRAINING' });
    expect(tries).toBe(3);
  });

  it('is not tried again when its contract does not say that it may be repeated', async () => {
    let tries = 0;
    const { createUser, ...others } = UserServiceContract.methods;
    const methods = { ...others, createUser: { ...createUser, idempotency: 'none' } } as const;
    await using peer = await startPeer(
      {
        createUser(_, answer) {
          tries += 1;
          answer(unavailable);
        },
      },
      { ...UserServiceContract, methods },
    );

    await expect(peer.client.createUser({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(tries).toBe(1);
  });

  it('is not tried again when its requests came from a stream, which can be read only once', async () => {
    let tries = 0;
    await using peer = await startPeer({
      importUsers(_, answer) {
        tries += 1;
        answer(unavailable);
      },
    });
    async function* users() {
      yield { user: user('u1') };
    }

    await expect(peer.client.importUsers(users())).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(tries).toBe(1);
  });

  it('is not tried again when the server forbids it', async () => {
    let tries = 0;
    await using peer = await startPeer({
      getUser(_, answer) {
        tries += 1;
        answer(failure(Status.UNAVAILABLE, {}, { 'grpc-retry-pushback-ms': '-1' }));
      },
    });

    await expect(peer.client.getUser({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(tries).toBe(1);
  });

  it('is not tried again when the wait that the server asks for ends after the deadline', async () => {
    let tries = 0;
    await using peer = await startPeer({
      getUser(_, answer) {
        tries += 1;
        answer(failure(Status.UNAVAILABLE, { retryAfterMs: 30_000 }));
      },
    });

    await expect(peer.client.getUser({})).rejects.toMatchObject({ code: Status.UNAVAILABLE, retryAfterMs: 30_000 });
    expect(tries).toBe(1);
  });

  it('ends with CANCELLED when it is given up while it waits', async () => {
    const giveUp = new AbortController();
    await using peer = await startPeer({
      getUser(_, answer) {
        answer(failure(Status.UNAVAILABLE, { retryAfterMs: 30_000 }));
        setImmediate(() => giveUp.abort());
      },
    });

    await expect(peer.client.getUser({}, { ...lateDeadline(), signal: giveUp.signal })).rejects.toMatchObject({
      code: Status.CANCELLED,
    });
  });

  it('is tried no more once retries have used up what the target is allowed', async () => {
    let tries = 0;
    await using peer = await startPeer({
      getUser(_, answer) {
        tries += 1;
        answer(unavailable);
      },
    });

    for (let call = 0; call < 15; call++) await expect(peer.client.getUser({})).rejects.toThrow('refused');

    // Three tries of the first call and two of the second take the budget from ten tokens to five.
    expect(tries).toBe(3 + 2 + 13);
  });
});

describe('a call that fails with another code', () => {
  it.each([Status.INTERNAL, Status.UNKNOWN, Status.ABORTED, Status.RESOURCE_EXHAUSTED, Status.DEADLINE_EXCEEDED])(
    'is not tried again (%s)',
    async (code) => {
      let tries = 0;
      await using peer = await startPeer({
        getUser(_, answer) {
          tries += 1;
          answer(failure(code));
        },
      });

      await expect(peer.client.getUser({})).rejects.toMatchObject({ code });
      expect(tries).toBe(1);
    },
  );
});

describe('a stream that fails with UNAVAILABLE', () => {
  it('is opened again as long as no message has come', async () => {
    let tries = 0;
    await using peer = await startPeer({
      listUsers(call) {
        tries += 1;
        if (tries < 3) return void call.emit('error', unavailable);
        call.write(user('u1'));
        call.end();
      },
    });

    expect(await Array.fromAsync(peer.client.listUsers({}))).toEqual([user('u1')]);
    expect(tries).toBe(3);
  });

  it('is not opened again after its first message', async () => {
    let tries = 0;
    await using peer = await startPeer({
      listUsers(call) {
        tries += 1;
        call.write(user('u1'));
        call.emit('error', unavailable);
      },
    });

    await expect(Array.fromAsync(peer.client.listUsers({}))).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(tries).toBe(1);
  });
});

describe('the wait between tries', () => {
  it('grows twofold from 100 ms, give or take a fifth', async () => {
    const clock = createTestClock();
    const call: TransportCall = { metadata: Metadata(), deadlineMs: undefined, signal: undefined };
    const failed = new CallError('/a/B', new MeshError(Status.UNAVAILABLE, 'DOWN', 'down'));
    const attempt = vi.fn(() => Promise.reject(failed));

    const outcome = expect(retry(attempt, call, { maxAttempts: 3, budget: createRetryBudget(), clock })).rejects.toBe(
      failed,
    );
    for (const expectedMs of [100, 200]) {
      await vi.waitFor(() => expect(clock.pendingMs()).toHaveLength(1), { interval: 1 });
      const [delayMs = 0] = clock.pendingMs();
      expect(delayMs).toBeGreaterThanOrEqual(expectedMs * 0.8);
      expect(delayMs).toBeLessThanOrEqual(expectedMs * 1.2);
      clock.advance(delayMs);
    }

    await outcome;
    expect(attempt).toHaveBeenCalledTimes(3);
  });
});

describe('a program that does nothing but call', () => {
  it('lives until the tries are over', async () => {
    const program = `
      import { UserServiceContract } from '${new URL('../../../gen/ts/user/v1/user.contract.ts', import.meta.url)}';
      import { clientFactory } from '${new URL('../testing/peer.ts', import.meta.url)}';
      const client = clientFactory('127.0.0.1:1').client(UserServiceContract);
      await client.getUser({ id: 'u1' }).catch((error) => console.log(error.reason));
    `;

    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);

    expect(stdout).toBe('UNAVAILABLE\n');
  });
});

describe('a retry budget', () => {
  it('allows retries again when enough calls succeeded', () => {
    const budget = createRetryBudget();
    for (let failures = 0; failures < 6; failures++) budget.failed();
    expect(budget.allowsRetry()).toBe(false);

    for (let successes = 0; successes < 10; successes++) budget.succeeded();
    expect(budget.allowsRetry()).toBe(false);

    budget.succeeded();
    expect(budget.allowsRetry()).toBe(true);
  });
});
