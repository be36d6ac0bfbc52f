import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RestApi } from '#gen/rest.ts';
import { createServiceClient } from '../../mesh/rest-client/create-service-client.ts';
import type { TypedRestClient } from '../../mesh/rest-client/typed-client.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { heldUsers } from './support/held-users.ts';

describe('a call of the REST client that waits at the edge', () => {
  let held: ReturnType<typeof heldUsers>;
  let mesh: TestMesh;
  let client: TypedRestClient<RestApi>;

  beforeEach(async () => {
    held = heldUsers();
    mesh = await startMesh([held.service, edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
    client = createServiceClient<RestApi>(`http://${mesh.httpAddress}/api`);
    // It loads its transport and connects, so that a call has its time for itself.
    await client.get<unknown>('/health', { deadline: Date.now() + 30_000 });
  });
  afterEach(async () => {
    client.close();
    await mesh.stop();
  });

  const calledTimes = (times: number) =>
    eventually(() => expect(held.calls).toHaveLength(times), { timeoutMs: 20_000 });

  it("ends at its caller's deadline, which the service knows", async () => {
    const call = client.get('/users/ada', { deadline: Date.now() + 4_000 });
    const ended = expect(call).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED, reason: 'DEADLINE_EXCEEDED' });
    await calledTimes(1);
    const context = held.calls[0]?.context;
    expect(context?.remainingMs()).toBeLessThanOrEqual(4_000);
    await ended;
    await eventually(() => expect(context?.signal.aborted).toBe(true));
    // The time is over for further attempts, too.
    expect(held.calls).toHaveLength(1);
  });

  it('ends when its caller gives up, here and at the service', async () => {
    const caller = new AbortController();
    const call = client.get('/users/ada', { signal: caller.signal });
    const ended = expect(call).rejects.toMatchObject({ code: Status.CANCELLED, status: undefined });
    await calledTimes(1);
    expect(held.calls[0]?.context.signal.aborted).toBe(false);
    caller.abort();
    await ended;
    await eventually(() => expect(held.calls[0]?.context.signal.aborted).toBe(true));
  });

  it('is repeated as Retry-After says while its first request is in progress', async () => {
    const user = { name: 'Ada', email: 'ada@example.com' };
    const create = () => client.post('/users', user, { idempotencyKey: 'key-1', deadline: Date.now() + 30_000 });
    const first = create();
    await calledTimes(1);
    const second = create();
    // Refused with 409 for a second at a time.
    const refused = client.post('/users', user, { idempotencyKey: 'key-1', maxAttempts: 1 });
    await expect(refused).rejects.toMatchObject({
      status: 409,
      reason: 'IDEMPOTENCY_KEY_IN_USE',
      retryAfterMs: 1_000,
    });
    expect(held.calls).toHaveLength(1);
    held.calls[0]?.resolve({ id: 'ada' });
    expect((await first).data.id).toBe('ada');
    await calledTimes(2);
    held.calls[1]?.resolve({ id: 'ada' });
    expect((await second).data.id).toBe('ada');
  });
});

describe('the REST client at an edge whose service is away', () => {
  it('reports 503 with the time to wait', async () => {
    const mesh = await startMesh([edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
    try {
      using client = createServiceClient<RestApi>(`http://${mesh.httpAddress}/api`);
      await expect(client.get('/users/ada', { maxAttempts: 1 })).rejects.toMatchObject({
        code: Status.UNAVAILABLE,
        status: 503,
        reason: 'NO_ENDPOINTS',
        retryAfterMs: expect.any(Number),
      });
    } finally {
      await mesh.stop();
    }
  });
});
