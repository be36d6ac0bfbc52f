import { Status } from 'nice-grpc-common';
import { afterEach, describe, expect, it } from 'vitest';
import { eventually } from '../testing/eventually.ts';
import { createServiceClient } from './create-service-client.ts';
import type { RestCallOptions, RestClient, RestClientOptions } from './rest-client.ts';
import { hang, hangUp, json, raw, slowly, startTestServer } from './testing/http-server.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A server and a client of it that makes its attempts quickly. */
async function start(options: RestClientOptions = {}) {
  const server = await startTestServer();
  const client = createServiceClient(server.origin, { name: 'orders', firstDelayMs: 1, ...options });
  cleanups.push(
    () => client.close(),
    () => server[Symbol.asyncDispose](),
  );
  return { server, client };
}

const calls: Record<string, (client: RestClient, options?: RestCallOptions) => Promise<unknown>> = {
  GET: (client, options) => client.get('/a', options),
  HEAD: (client, options) => client.head('/a', options),
  PUT: (client, options) => client.put('/a', { b: 1 }, options),
  DELETE: (client, options) => client.delete('/a', options),
  POST: (client, options) => client.post('/a', { b: 1 }, options),
  PATCH: (client, options) => client.patch('/a', { b: 1 }, options),
};

describe('attempts', () => {
  it.each(['GET', 'HEAD', 'PUT', 'DELETE'])(
    'of %s are made until one succeeds, with the same request',
    async (method) => {
      const { server, client } = await start();
      server.answer(json(500, {}), hangUp, json(503, {}), json(200, {}));
      await calls[method]?.(client);
      expect(server.requests.map((request) => request.method)).toEqual([method, method, method, method]);
      expect(new Set(server.requests.map(({ body }) => body)).size).toBe(1);
      expect(new Set(server.requests.map(({ headers }) => headers['x-request-id'])).size).toBe(1);
    },
  );

  it.each(
    ['POST', 'PATCH'].flatMap((method) => [
      [method, 'HTTP 503', json(503, {})] as const,
      [method, 'a lost connection', hangUp] as const,
    ]),
  )('of %s after %s are made only with an Idempotency-Key, which is the same for all', async (method, _, failure) => {
    const { server, client } = await start();
    server.answer(failure, json(200, {}));
    await expect(calls[method]?.(client)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    server.answer(failure, json(200, {}));
    await calls[method]?.(client, { idempotencyKey: 'key-1' });
    server.answer(failure, json(200, {}));
    await calls[method]?.(client, { headers: { 'Idempotency-Key': 'key-2' } });
    const keys = server.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([undefined, 'key-1', 'key-1', 'key-2', 'key-2']);
    expect(new Set(server.requests.map(({ body }) => body))).toEqual(new Set(['{"b":1}']));
  });

  it.each([400, 401, 403, 404, 409, 412, 422, 501, 505])('end with HTTP %i', async (status) => {
    const { server, client } = await start();
    server.answer(json(status, {}));
    await expect(client.get('/a')).rejects.toMatchObject({ status });
    expect(server.requests).toHaveLength(1);
  });

  it.each([500, 502, 503, 504, 429])('end at four with HTTP %i, the last error counts', async (status) => {
    const { server, client } = await start();
    server.answer(json(599, {}), json(599, {}), json(599, {}), json(status, { detail: 'last' }));
    await expect(client.get('/a')).rejects.toMatchObject({ status, message: expect.stringContaining('last') });
    expect(server.requests).toHaveLength(4);
  });

  it('are as many as the client or the call says', async () => {
    const { server, client } = await start({ maxAttempts: 2 });
    server.answer(json(503, {}));
    await expect(client.get('/a')).rejects.toThrow();
    await expect(client.get('/a', { maxAttempts: 1 })).rejects.toThrow();
    expect(server.requests).toHaveLength(3);
  });

  it('take no more than their share when all calls fail', async () => {
    const { server, client } = await start();
    server.answer(json(503, {}));
    for (let call = 0; call < 20; call += 1) await expect(client.get('/a')).rejects.toThrow();
    // Four of the first call and one of the second take the budget to its half.
    expect(server.requests).toHaveLength(23);
  });

  it('are made after a response was cut off', async () => {
    const { server, client } = await start();
    server.answer(
      (response) => response.writeHead(200, { 'content-length': '100' }).write('{', () => response.destroy()),
      json(200, { a: 1 }),
    );
    await expect(client.get('/a')).resolves.toMatchObject({ data: { a: 1 } });
  });

  it('are made after one hung, if an attempt has a time of its own', async () => {
    const { server, client } = await start({ attemptTimeoutMs: 50 });
    server.answer(hang, json(200, { a: 1 }));
    await expect(client.get('/a')).resolves.toMatchObject({ data: { a: 1 } });
  });

  it('are not made for a response that cannot be read', async () => {
    const { server, client } = await start();
    server.answer(raw(200, '<html>', { 'content-type': 'text/html' }));
    await expect(client.get('/a')).rejects.toMatchObject({ reason: 'RESPONSE_UNREADABLE' });
    expect(server.requests).toHaveLength(1);
  });

  it('each say how much time is left', async () => {
    const { server, client } = await start({ timeoutMs: 1_000, firstDelayMs: 100 });
    server.answer(json(503, {}), json(503, {}), json(200, {}));
    await client.get('/a');
    const [first = 0, second = 0, third = 0] = server.requests.map(({ headers }) => Number(headers['request-timeout']));
    expect(first - second).toBeGreaterThanOrEqual(0.08);
    expect(second - third).toBeGreaterThanOrEqual(0.16);
  });
});

describe('the pause before another attempt', () => {
  it('is 100, 200 and 400 ms, ±20 %', async () => {
    const measure = async () => {
      const { server, client } = await start({ firstDelayMs: 100 });
      const times: number[] = [];
      server.answer((response) => {
        times.push(performance.now());
        response.writeHead(503).end();
      });
      await expect(client.get('/a')).rejects.toThrow();
      return times.slice(1).map((time, index) => time - (times[index] ?? 0));
    };
    const calls: number[][] = [];
    // A busy machine makes some of the pauses longer.
    await eventually(
      async () => {
        const pauses = await measure();
        calls.push(pauses);
        for (const [index, pause] of pauses.entries()) expect(pause).toBeLessThan(100 * 2 ** index * 1.2 + 150);
      },
      { timeoutMs: 20_000 },
    );
    for (const pauses of calls) {
      for (const [index, pause] of pauses.entries()) expect(pause).toBeGreaterThan(100 * 2 ** index * 0.8 - 5);
      expect(pauses).toHaveLength(3);
    }
  });

  it.each([429, 503, 409])('is as long as Retry-After of HTTP %i says', async (status) => {
    const { server, client } = await start();
    server.answer(json(status, {}, { 'retry-after': '1' }), json(200, {}));
    const startMs = performance.now();
    await client.get('/a');
    expect(performance.now() - startMs).toBeGreaterThan(950);
    expect(server.requests).toHaveLength(2);
  });

  it('may be a date, by the clock of the server', async () => {
    const { server, client } = await start();
    const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
    server.answer(json(503, {}, { date, 'retry-after': 'Sun, 06 Nov 1994 08:49:38 GMT' }), json(200, {}));
    const startMs = performance.now();
    await client.get('/a');
    expect(performance.now() - startMs).toBeGreaterThan(950);
  });

  it('ends the call at once if it is longer than the deadline allows', async () => {
    const { server, client } = await start();
    for (const retryAfter of ['5', 'Sun, 06 Nov 2094 08:49:37 GMT']) {
      server.answer(json(429, {}, { 'retry-after': retryAfter }));
      const startMs = performance.now();
      const error = await client.get('/a', { deadline: Date.now() + 4_000 }).catch((failure: unknown) => failure);
      expect(error).toMatchObject({ code: Status.RESOURCE_EXHAUSTED, status: 429 });
      expect(error).toHaveProperty(
        'retryAfterMs',
        expect.toSatisfy((ms: number) => ms >= 5_000),
      );
      expect(performance.now() - startMs).toBeLessThan(1_000);
    }
    expect(server.requests).toHaveLength(2);
  });

  it('ends when the caller cancels', async () => {
    const { server, client } = await start({ firstDelayMs: 2_000 });
    const ending = new AbortController();
    server.answer((response) => {
      response.writeHead(503).end();
      setTimeout(() => ending.abort(), 20);
    });
    const startMs = performance.now();
    await expect(client.get('/a', { signal: ending.signal })).rejects.toMatchObject({ code: Status.CANCELLED });
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });
});

describe('the deadline', () => {
  it.each([
    ['hangs', hang],
    ['sends its response slowly', slowly],
  ])('ends a call whose server %s', async (_, answer) => {
    const { server, client } = await start();
    server.answer(answer);
    const startMs = performance.now();
    await expect(client.get('/a', { deadline: Date.now() + 200 })).rejects.toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
      reason: 'DEADLINE_EXCEEDED',
    });
    expect(performance.now() - startMs).toBeLessThan(1_500);
    expect(server.requests).toHaveLength(1);
  });

  it('is 5 s by default, for all attempts together', { timeout: 15_000 }, async () => {
    const { server, client } = await start();
    server.answer(json(503, {}), hang);
    const startMs = performance.now();
    await expect(client.get('/a')).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    expect(performance.now() - startMs).toBeGreaterThan(4_900);
    expect(performance.now() - startMs).toBeLessThan(6_500);
    expect(server.requests).toHaveLength(2);
  });

  it('that has passed prevents the call', async () => {
    const { server, client } = await start();
    const late = client.get('/a', { deadline: new Date(Date.now() - 1) });
    await expect(late).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED, method: 'GET' });
    expect(server.requests).toHaveLength(0);
  });
});
