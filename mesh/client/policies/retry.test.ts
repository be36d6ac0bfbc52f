import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it, vi } from 'vitest';
import { UserServiceContract } from '../../../gen/ts/user/v1/user.contract.ts';
import type { TransportCall } from '../../engines/engine.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { CallError } from '../call-error.ts';
import { failure, startPeer, user } from '../testing/peer.ts';
import { createRetryBudget, retryDelay, withRetries } from './retry.ts';

const unavailable = failure(Status.UNAVAILABLE, { reason: 'SERVER_DRAINING' });
const lateDeadline = () => ({ deadline: Date.now() + 60_000 });

describe('a call that fails with UNAVAILABLE', () => {
  it('is retried as often as its contract says, with the same request id', async () => {
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

  it('fails with the last error if all attempts fail', async () => {
    let attempts = 0;
    await using peer = await startPeer({
      getUser(_, answer) {
        attempts += 1;
        answer(unavailable);
      },
    });

    await expect(peer.client.getUser({})).rejects.toMatchObject({ reason: 'SERVER_DRAINING' });
    expect(attempts).toBe(3);
  });

  it('is not retried unless its contract marks it as repeatable', async () => {
    let attempts = 0;
    const { createUser, ...others } = UserServiceContract.methods;
    const methods = { ...others, createUser: { ...createUser, idempotency: 'none' } } as const;
    await using peer = await startPeer(
      {
        createUser(_, answer) {
          attempts += 1;
          answer(unavailable);
        },
      },
      { ...UserServiceContract, methods },
    );

    await expect(peer.client.createUser({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(attempts).toBe(1);
  });

  it('is retried after the codes that its contract names, and no others', async () => {
    const codes: Status[] = [];
    const { getUser, ...others } = UserServiceContract.methods;
    const methods = { ...others, getUser: { ...getUser, retryableCodes: ['ABORTED', 'INTERNAL'] } } as const;
    await using peer = await startPeer(
      {
        getUser(_, answer) {
          const code = [Status.ABORTED, Status.INTERNAL, Status.UNAVAILABLE][codes.length] ?? Status.OK;
          codes.push(code);
          answer(failure(code));
        },
      },
      { ...UserServiceContract, methods },
      { retry: { maxAttempts: 5 } },
    );

    await expect(peer.client.getUser({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(codes).toHaveLength(3);
  });

  it('is not retried if its requests came from a stream, which can be read only once', async () => {
    let attempts = 0;
    await using peer = await startPeer({
      importUsers(_, answer) {
        attempts += 1;
        answer(unavailable);
      },
    });
    async function* users() {
      yield { user: user('u1') };
    }

    await expect(peer.client.importUsers(users())).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(attempts).toBe(1);
  });

  it('is not retried if the server forbids it', async () => {
    let attempts = 0;
    await using peer = await startPeer({
      getUser(_, answer) {
        attempts += 1;
        answer(failure(Status.UNAVAILABLE, {}, { 'grpc-retry-pushback-ms': '-1' }));
      },
    });

    await expect(peer.client.getUser({})).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(attempts).toBe(1);
  });

  it('is not retried if the delay that the server asks for ends after the deadline', async () => {
    let attempts = 0;
    await using peer = await startPeer({
      getUser(_, answer) {
        attempts += 1;
        answer(failure(Status.UNAVAILABLE, { retryAfterMs: 30_000 }));
      },
    });

    await expect(peer.client.getUser({})).rejects.toMatchObject({ code: Status.UNAVAILABLE, retryAfterMs: 30_000 });
    expect(attempts).toBe(1);
  });

  it('ends with CANCELLED if it is cancelled while it waits', async () => {
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
});

describe('a call that fails with another code', () => {
  it.each([Status.INTERNAL, Status.UNKNOWN, Status.ABORTED, Status.RESOURCE_EXHAUSTED, Status.DEADLINE_EXCEEDED])(
    'is not retried (%s)',
    async (code) => {
      let attempts = 0;
      await using peer = await startPeer({
        getUser(_, answer) {
          attempts += 1;
          answer(failure(code));
        },
      });

      await expect(peer.client.getUser({})).rejects.toMatchObject({ code });
      expect(attempts).toBe(1);
    },
  );
});

describe('a stream that fails with UNAVAILABLE', () => {
  it('is retried as long as no message has arrived', async () => {
    let attempts = 0;
    await using peer = await startPeer({
      listUsers(call) {
        attempts += 1;
        if (attempts < 3) return void call.emit('error', unavailable);
        call.write(user('u1'));
        call.end();
      },
    });

    expect(await Array.fromAsync(peer.client.listUsers({}))).toEqual([user('u1')]);
    expect(attempts).toBe(3);
  });

  it('is not retried after its first message', async () => {
    let attempts = 0;
    await using peer = await startPeer({
      listUsers(call) {
        attempts += 1;
        call.write(user('u1'));
        call.emit('error', unavailable);
      },
    });

    await expect(Array.fromAsync(peer.client.listUsers({}))).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(attempts).toBe(1);
  });
});

describe('the delay between attempts', () => {
  it('doubles from 100 ms, ±20 %', async () => {
    const clock = createTestClock();
    const call: TransportCall = { metadata: Metadata(), deadlineMs: undefined, signal: undefined };
    const failed = new CallError('/a/B', new MeshError(Status.UNAVAILABLE, 'DOWN', 'down'));
    const attempt = vi.fn(() => Promise.reject(failed));

    const options = { maxAttempts: 3, retryable: new Set([Status.UNAVAILABLE]), delayMs: retryDelay(), clock };
    const outcome = expect(withRetries(attempt, call, { ...options, budget: createRetryBudget() })).rejects.toBe(
      failed,
    );
    for (const expectedMs of [100, 200]) {
      await eventually(() => expect(clock.pendingMs()).toHaveLength(1), { intervalMs: 1 });
      const [delayMs = 0] = clock.pendingMs();
      expect(delayMs).toBeGreaterThanOrEqual(expectedMs * 0.8);
      expect(delayMs).toBeLessThanOrEqual(expectedMs * 1.2);
      clock.advance(delayMs);
    }

    await outcome;
    expect(attempt).toHaveBeenCalledTimes(3);
  });
});

describe('a program that only calls', () => {
  it('lives until the last attempt', async () => {
    const program = `
      import { UserServiceContract } from '${new URL('../../../gen/ts/user/v1/user.contract.ts', import.meta.url)}';
      import { clientFactory } from '${new URL('../testing/peer.ts', import.meta.url)}';
      const client = clientFactory('127.0.0.1:1').client(UserServiceContract);
      await client.getUser({ id: 'u1' }).catch((error) => console.log(error.reason));
    `;

    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);

    expect(stdout).toBe('UNAVAILABLE\n');
  });

  it('lives until its resumable stream is given up', async () => {
    const program = `
      import { UserServiceContract } from '${new URL('../../../gen/ts/user/v1/user.contract.ts', import.meta.url)}';
      import { clientFactory } from '${new URL('../testing/peer.ts', import.meta.url)}';
      import { resumable } from '${new URL('../resumable.ts', import.meta.url)}';
      const client = clientFactory('127.0.0.1:1').client(UserServiceContract, { retry: { maxAttempts: 1 } });
      const cursor = (request) => ({ take: () => true, next: () => request });
      const listUsers = resumable(client.listUsers, cursor, { maxAttempts: 2 });
      await Array.fromAsync(listUsers({})).catch((error) => console.log(error.reason));
    `;

    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);

    expect(stdout).toBe('UNAVAILABLE\n');
  });
});
