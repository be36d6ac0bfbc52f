import { Agent } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { User } from '#gen/user/v1/user.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { send } from './support/http.ts';
import { userServiceWith } from './support/user-service.ts';

const ada = User.fromPartial({ id: 'ada', name: 'Ada' });

/** A mesh whose GetUser waits for `release`, and whose ListUsers sends one user and waits then. */
async function startWaiting(environment: Record<string, string> = {}) {
  const released = Promise.withResolvers<void>();
  const seen = { begun: 0, cancelled: 0 };
  const wait = async (signal: AbortSignal) => {
    seen.begun += 1;
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        seen.cancelled += 1;
        resolve();
      });
    });
    await Promise.race([released.promise, aborted]);
  };
  const users = userServiceWith({
    async getUser(_, { signal }) {
      await wait(signal);
      return ada;
    },
    async *listUsers(_, { signal }) {
      yield ada;
      await wait(signal);
    },
  });
  const mesh = await startMesh([users, edgeService], { HTTP_LISTEN: '127.0.0.1:0', ...environment });
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= mesh.stop();
    return stopped;
  };
  onTestFinished(async () => {
    released.resolve();
    await stop();
  });
  return { address: mesh.httpAddress ?? '', seen, release: released.resolve, stop };
}

describe('a client that leaves', () => {
  it.each([
    ['a call', '/api/users/ada'],
    ['a stream', '/api/users'],
  ])('cancels %s', async (_, path) => {
    const { address, seen } = await startWaiting();
    const leaving = new AbortController();
    const sent = send(address, 'GET', path, { signal: leaving.signal }).catch((error) => error);
    await eventually(() => expect(seen).toEqual({ begun: 1, cancelled: 0 }));
    leaving.abort();
    await sent;
    await eventually(() => expect(seen.cancelled).toBe(1));
  });
});

describe('a drain', () => {
  it('finishes a request in progress, closes its connection, and accepts no other', async () => {
    const { address, seen, release, stop } = await startWaiting({ DRAIN_TIMEOUT_MS: '20000' });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const answered = send(address, 'GET', '/api/users/ada', { agent });
    await eventually(() => expect(seen.begun).toBe(1));
    const stopped = stop();
    await eventually(() => expect(send(address, 'GET', '/api/users/ada')).rejects.toThrow('ECONNREFUSED'));
    release();
    expect(await answered).toMatchObject({ status: 200, json: { id: 'ada' }, headers: { connection: 'close' } });
    await stopped;
  });

  it('loses no request of clients that keep their connections', async () => {
    const { address, seen, release, stop } = await startWaiting();
    release();
    const refused: unknown[] = [];
    const callUntilRefused = async () => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (;;) {
        const answered = await send(address, 'GET', '/api/users/ada', { agent }).catch((error) => error);
        if (answered.status === 200) continue;
        refused.push(answered.code);
        agent.destroy();
        return;
      }
    };
    const callers = Array.from({ length: 8 }, callUntilRefused);
    await eventually(() => expect(seen.begun).toBeGreaterThan(40));
    await Promise.all([stop(), ...callers]);
    expect(refused).toEqual(callers.map(() => 'ECONNREFUSED'));
  });

  it('closes a connection that is kept alive without a request, or has sent nothing yet', async () => {
    const { address, release, stop } = await startWaiting({ DRAIN_TIMEOUT_MS: '20000' });
    release();
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    expect(await send(address, 'GET', '/api/users/ada', { agent })).toMatchObject({ status: 200 });
    const [host = '', port] = address.split(':');
    const silent = connect(Number(port), host);
    const closed = new Promise((resolve) => silent.on('error', () => undefined).once('close', resolve));
    const startMs = performance.now();
    await stop();
    expect(performance.now() - startMs).toBeLessThan(10_000);
    await closed;
  });

  it('does not wait for a connection that is kept alive after its stream has ended', async () => {
    const { address, seen, stop } = await startWaiting({ DRAIN_TIMEOUT_MS: '30000' });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const answered = send(address, 'GET', '/api/users', { agent, headers: { accept: 'application/x-ndjson' } });
    await eventually(() => expect(seen.begun).toBe(1));
    const startMs = performance.now();
    await stop();
    // The stream is idle, so it is ended after 2 s.
    expect((await answered).text).toContain('SERVER_DRAINING');
    expect(performance.now() - startMs).toBeLessThan(15_000);
  });

  it('ends what is left after the grace with SERVER_DRAINING', async () => {
    const { address, seen, stop } = await startWaiting({ DRAIN_TIMEOUT_MS: '600' });
    const answered = send(address, 'GET', '/api/users/ada');
    await eventually(() => expect(seen.begun).toBe(1));
    await stop();
    expect(await answered).toMatchObject({
      status: 503,
      json: { reason: 'SERVER_DRAINING' },
      headers: { 'retry-after': '1' },
    });
  });
});
