import { setTimeout as delay } from 'node:timers/promises';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MeshError } from '../../mesh/errors/mesh-error.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { heldUsers } from './support/held-users.ts';
import { type SentRequest, send as sendTo } from './support/http.ts';

/** Many connections take their time on a busy machine. */
const patient = { timeoutMs: 25_000 };

/** A mesh with users whose handlers wait for the test. */
async function startHeld(environment: Record<string, string> = {}) {
  const { service, calls } = heldUsers();
  const mesh = await startMesh([service, edgeService], { HTTP_LISTEN: '127.0.0.1:0', ...environment });
  onTestFinished(() => mesh.stop());
  const send = (method: string, path: string, parts?: SentRequest) =>
    sendTo(mesh.httpAddress ?? '', method, path, parts);
  const get = (headers: SentRequest['headers'] = {}) => send('GET', '/api/users/ada', { headers });
  return { send, get, calls };
}

describe('the header Request-Timeout', () => {
  it('is the deadline of the call, also in its service', async () => {
    const { get, calls } = await startHeld();
    // It loads what it needs with the first one.
    const first = get();
    await eventually(() => expect(calls).toHaveLength(1));
    calls.pop()?.resolve({ id: 'ada' });
    expect((await first).status).toBe(200);
    const startMs = Date.now();
    const answer = await get({ 'request-timeout': '1' });
    expect(Date.now() - startMs).toBeGreaterThanOrEqual(990);
    expect(answer).toMatchObject({ status: 504, json: { reason: 'DEADLINE_EXCEEDED', status: 504 } });
    const { context } = calls[0] ?? {};
    expect((context?.deadlineMs ?? 0) - startMs).toBeGreaterThan(950);
    // Less than the 5 s of the method.
    expect((context?.deadlineMs ?? 0) - startMs).toBeLessThan(3_000);
    await eventually(() => expect(context?.signal.aborted).toBe(true));
  });

  it('may be longer than the timeout of the method', async () => {
    const { get, calls } = await startHeld();
    for (const timeout of [undefined, '20', '100000']) {
      const answer = get(timeout === undefined ? {} : { 'request-timeout': timeout });
      await eventually(() => expect(calls).toHaveLength(1));
      const leftMs = calls[0]?.context.remainingMs() ?? 0;
      calls.pop()?.resolve({ id: 'ada' });
      expect((await answer).status).toBe(200);
      const [least, most] =
        timeout === undefined ? [0, 5_000] : timeout === '20' ? [15_000, 20_000] : [290_000, 300_000];
      expect(leftMs).toBeGreaterThan(least);
      expect(leftMs).toBeLessThanOrEqual(most);
    }
  });

  it.each(['0', '-1', '1s', 'soon', '1e3', '1, 2'])('is refused as %s', async (timeout) => {
    const { get } = await startHeld();
    expect(await get({ 'request-timeout': timeout })).toMatchObject({
      status: 400,
      json: { reason: 'INVALID_HEADER', violations: [{ field: 'Request-Timeout' }] },
    });
  });
});

describe('the header RateLimit', () => {
  const remaining = (answer: { readonly headers: NodeJS.Dict<string | string[]> }) =>
    Number(/^"concurrency";r=(\d+)$/.exec(String(answer.headers.ratelimit))?.[1]);

  it('says what a caller may still send', async () => {
    const { send, get, calls } = await startHeld();
    const unread = await send('PUT', '/api/users/ada');
    expect(unread.headers).not.toHaveProperty('ratelimit');
    const held = [get(), get(), get()];
    await eventually(() => expect(calls).toHaveLength(3));
    const refused = await get({ 'request-timeout': '0.05' });
    expect(refused.headers['ratelimit-policy']).toBe('"concurrency";q=64;qu="concurrent-requests"');
    expect(remaining(refused)).toBeLessThanOrEqual(61);
    for (const call of calls) call.resolve({ id: 'ada' });
    const answers = await Promise.all(held);
    expect(Math.max(...answers.map(remaining))).toBe(64);
  });

  it('is 0 for a caller that has too much in progress, whose further requests are refused', {
    timeout: 60_000,
  }, async () => {
    const { send, get, calls } = await startHeld({ GRPC_MAX_WAITING_BYTES: String(4 * 1024 * 1024) });
    const running = Promise.allSettled(Array.from({ length: 64 }, () => get({ 'request-timeout': '60' })));
    await eventually(() => expect(calls).toHaveLength(64), patient);
    const body = { name: 'A', email: 'a@example.com', padding: 'a'.repeat(3_000_000) };
    const waiting = [1, 2].map(() => send('POST', '/api/users', { body }));
    const refused = await eventually(async () => {
      const answer = await get({ 'request-timeout': '0.2' });
      expect(answer.status).toBe(429);
      return answer;
    }, patient);
    expect(refused).toMatchObject({
      headers: { 'retry-after': '1', ratelimit: '"concurrency";r=0' },
      json: {
        type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
        reason: 'SERVER_OVERLOADED',
        'violated-policies': ['concurrency'],
      },
    });
    for (const call of calls) call.resolve({ id: 'ada' });
    expect((await running).map((answer) => answer.status === 'fulfilled' && answer.value.status)).toEqual(
      Array.from({ length: 64 }, () => 200),
    );
    // They begin now, and have an unknown field.
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([400, 400]);
  });
});

describe('the header Retry-After', () => {
  it.each([
    [
      '429',
      Status.RESOURCE_EXHAUSTED,
      2_001,
      '3',
      'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
    ],
    ['503', Status.UNAVAILABLE, 4_000, '4', 'urn:ordermesh:error:BUSY'],
  ])('of %s is the time of the service, in whole seconds', async (status, code, retryAfterMs, seconds, type) => {
    const { send, calls } = await startHeld();
    // A change: a read would be tried again first.
    const refused = send('POST', '/api/users', { body: { name: 'A', email: 'a@example.com' } });
    await eventually(() => expect(calls.length).toBeGreaterThan(0));
    const refuse = () => {
      for (const call of calls) call.reject(new MeshError(code, 'BUSY', 'busy: wait', { retryAfterMs }));
    };
    while ((await Promise.race([refused.then(() => 'refused'), delay(20)])) !== 'refused') refuse();
    expect(await refused).toMatchObject({
      status: Number(status),
      headers: { 'retry-after': seconds },
      json: { reason: 'BUSY', type, retry_after_ms: retryAfterMs },
    });
  });

  it('is there when a service is away', async () => {
    const mesh = await startMesh([edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
    onTestFinished(() => mesh.stop());
    expect(await sendTo(mesh.httpAddress ?? '', 'GET', '/api/users/ada')).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      json: { reason: 'NO_ENDPOINTS', retry_after_ms: 1_000 },
    });
  });
});
