import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { runInScope } from '../telemetry/call-scope.ts';
import { eventually } from '../testing/eventually.ts';
import { createServiceClient } from './create-service-client.ts';
import type { RestClientOptions } from './rest-client.ts';
import { hang, json, raw, startTestServer, type TestServer } from './testing/http-server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(() => server.answer(json(200, {})));
afterAll(() => server[Symbol.asyncDispose]());

function createClient(options?: RestClientOptions) {
  const client = createServiceClient(`${server.origin}/api`, options);
  onTestFinished(() => client.close());
  return client;
}

interface Order {
  readonly id: string;
}

describe('a token', () => {
  const sent = () => server.requests.at(-1)?.headers.authorization;

  it('is sent with each call, and renewed by a function', async () => {
    await createClient({ token: 'abc' }).get('/a');
    expect(sent()).toBe('Bearer abc');
    let count = 0;
    const client = createClient({ token: async () => `t${++count}` });
    await client.get('/a');
    await client.get('/a');
    expect(sent()).toBe('Bearer t2');
    await client.get('/a', { headers: { Authorization: 'Bearer own' } });
    expect(sent()).toBe('Bearer own');
  });

  it('that cannot be had fails the call as its function does', async () => {
    const client = createClient({ token: () => Promise.reject(new Error('no token today')) });
    await expect(client.get('/a')).rejects.toThrow('no token today');
  });

  it('is in no error text', async () => {
    server.answer(json(403, { detail: 'the token abcdefgh may not' }));
    const error = await createClient({ token: 'abcdefgh' }).get('/a').catch(String);
    expect(error).not.toContain('abcdefgh');
  });
});

describe('a REST client', () => {
  it('reads a resource, as in the reference', async () => {
    const orderService = createClient();
    const orderId = 'order-1';
    server.answer(json(200, { id: orderId }, { etag: '"7"' }));

    const { data: order, status, headers } = await orderService.get<Order>(`/orders/${orderId}`);

    expect(order.id).toBe('order-1');
    expect([status, headers.etag]).toEqual([200, '"7"']);
    expect(server.requests.at(-1)).toMatchObject({ method: 'GET', url: '/api/orders/order-1', body: '' });
    expect(server.requests.at(-1)?.headers).not.toHaveProperty('content-type');
  });

  it('sends a query', async () => {
    await createClient().get('/users', { params: { role: 'admin', ids: ['1', '2'] } });
    expect(server.requests.at(-1)?.url).toBe('/api/users?role=admin&ids=1&ids=2');
  });

  it('sends a body as JSON, 64-bit integers as text and dates in RFC 3339', async () => {
    const body = { minorUnits: 9007199254740993n, at: new Date(0), left: undefined };
    await createClient().post('/accounts/1:deposit', body);
    const request = server.requests.at(-1);
    expect(request?.method).toBe('POST');
    expect(request?.headers['content-type']).toBe('application/json');
    expect(request?.body).toBe('{"minorUnits":"9007199254740993","at":"1970-01-01T00:00:00.000Z"}');
  });

  it('sends a POST without a body as one without a type', async () => {
    await createClient().post('/orders/1:cancel');
    const { headers } = server.requests.at(-1) ?? {};
    expect(headers).toMatchObject({ 'content-length': '0' });
    expect(headers).not.toHaveProperty('content-type');
  });

  it('has all methods', async () => {
    const client = createClient();
    const calls = [client.put('/a', {}), client.patch('/a', {}), client.delete('/a'), client.head('/a')];
    const [, , , head] = await Promise.all(calls);
    expect(server.requests.slice(-4).map(({ method }) => method)).toEqual(
      expect.arrayContaining(['PUT', 'PATCH', 'DELETE', 'HEAD']),
    );
    expect(head?.data).toBeUndefined();
  });

  it.each([204, 200])('returns no data for HTTP %i without a body', async (status) => {
    server.answer(raw(status, ''));
    await expect(createClient().delete('/a')).resolves.toMatchObject({ status, data: undefined });
  });

  it('sends headers of the client and of the call, which win', async () => {
    const client = createClient({ headers: { 'X-Tenant': 'a', 'X-Region': 'eu' } });
    await client.get('/a', { headers: { 'x-tenant': 'b', 'If-None-Match': '"1"' } });
    const expected = { 'x-tenant': 'b', 'x-region': 'eu', 'if-none-match': '"1"', 'user-agent': 'ordermesh' };
    expect(server.requests.at(-1)?.headers).toMatchObject(expected);
  });

  it('sends user and password of the base URL as a header', async () => {
    const client = createServiceClient(server.origin.replace('//', '//ada:secret@'));
    onTestFinished(() => client.close());
    await client.get('/a');
    expect(server.requests.at(-1)?.headers.authorization).toBe(`Basic ${btoa('ada:secret')}`);
  });

  it('resolves with a status that is expected', async () => {
    server.answer(json(404, { message: 'none' }));
    const options = { expectedStatuses: [404] };
    await expect(createClient().get('/a', options)).resolves.toMatchObject({ status: 404, data: { message: 'none' } });
    server.answer(raw(404, '<html>', { 'content-type': 'text/html' }));
    await expect(createClient().get('/a', options)).resolves.toMatchObject({ status: 404, data: undefined });
  });

  it('sends nothing if its path is invalid', async () => {
    const before = server.requests.length;
    await expect(createClient().get('/../admin')).rejects.toMatchObject({ reason: 'INVALID_PATH', method: 'GET' });
    expect(server.requests.length).toBe(before);
  });

  it('uses the proxy of the environment only with the option for it', async () => {
    await using proxy = await startTestServer();
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('http_proxy', proxy.origin);
    vi.stubEnv('no_proxy', '');
    await createClient().get('/direct');
    expect(proxy.requests).toEqual([]);
    await createClient({ proxyFromEnvironment: true }).get('/by-proxy');
    expect(proxy.requests.map(({ url }) => url)).toEqual([`${server.origin}/api/by-proxy`]);
  });
});

describe('a REST call that is made for another call', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

  it('sends its request id, its trace and the time that is left', async () => {
    const scope = { requestId: 'r-1', traceparent, deadlineMs: Date.now() + 2_000, signal: undefined };
    await runInScope(scope, () => createClient().get('/a'));
    const { headers } = server.requests.at(-1) ?? {};
    expect(headers).toMatchObject({ 'x-request-id': 'r-1', traceparent });
    expect(Number(headers?.['request-timeout'])).toBeGreaterThan(1);
    expect(Number(headers?.['request-timeout'])).toBeLessThanOrEqual(2);
  });

  it('has a request id and a trace of its own outside of calls, and 5 s', async () => {
    await createClient().get('/a');
    const { headers } = server.requests.at(-1) ?? {};
    expect(headers?.['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers?.traceparent).toMatch(/^00-/);
    expect(Number(headers?.['request-timeout'])).toBeGreaterThan(4);
    expect(Number(headers?.['request-timeout'])).toBeLessThanOrEqual(5);
  });

  it('ends with it', async () => {
    server.answer(hang);
    const ending = new AbortController();
    const scope = { requestId: 'r-2', traceparent, deadlineMs: undefined, signal: ending.signal };
    const call = runInScope(scope, () => createClient().get('/a'));
    const outcome = expect(call).rejects.toMatchObject({ code: Status.CANCELLED, requestId: 'r-2' });
    await eventually(() => expect(server.requests.at(-1)?.headers['x-request-id']).toBe('r-2'));
    ending.abort();
    await outcome;
    await eventually(() => expect(server.open).toBe(0));
  });
});

describe('a REST call whose call runs out of time', () => {
  it('ends with it, and says so', async () => {
    server.answer(hang);
    const ending = new AbortController();
    const deadlineMs = Date.now() + 50;
    const scope = { requestId: 'r-3', traceparent: '', deadlineMs, signal: ending.signal };
    const call = runInScope(scope, () => createClient().get('/a'));
    const outcome = expect(call).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    await eventually(() => expect(Date.now()).toBeGreaterThanOrEqual(deadlineMs), { intervalMs: 1 });
    ending.abort();
    await outcome;
  });

  it('ends at its own deadline if that comes first', async () => {
    server.answer(hang);
    const { signal } = new AbortController();
    const scope = { requestId: 'r-4', traceparent: '', deadlineMs: Date.now() + 20_000, signal };
    const call = runInScope(scope, () => createClient({ timeoutMs: 50 }).get('/a'));
    await expect(call).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED });
  });
});

describe('closing a REST client', () => {
  it('ends calls, closes connections and refuses later calls', async () => {
    const client = createClient();
    await client.get('/a');
    expect(server.open).toBeGreaterThan(0);
    server.answer(hang);
    const before = server.requests.length;
    const call = expect(client.get('/b')).rejects.toMatchObject({ code: Status.CANCELLED, reason: 'CANCELLED' });
    await eventually(() => expect(server.requests.length).toBe(before + 1));
    client.close();
    await call;
    await eventually(() => expect(server.open).toBe(0));
    await expect(client.get('/c')).rejects.toMatchObject({ message: expect.stringContaining('is closed') });
    expect(server.requests.length).toBe(before + 1);
  });

  it('reuses a connection until then', async () => {
    const client = createClient();
    const before = server.connections;
    for (let call = 0; call < 5; call += 1) await client.get('/a');
    expect(server.connections).toBe(before + 1);
  });
});
