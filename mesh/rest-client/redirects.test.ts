import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createServiceClient } from './create-service-client.ts';
import type { RestClientOptions } from './rest-client.ts';
import { json, raw, startTestServer, type TestServer } from './testing/http-server.ts';

let server: TestServer;
let elsewhere: TestServer;

beforeEach(async () => {
  [server, elsewhere] = await Promise.all([startTestServer(), startTestServer()]);
});
afterEach(async () => {
  await Promise.all([server[Symbol.asyncDispose](), elsewhere[Symbol.asyncDispose]()]);
});

const headers = { authorization: 'Bearer secret-token' };
const refused = { reason: 'REDIRECT_REFUSED' };

function createClient(options?: RestClientOptions) {
  return createServiceClient(`${server.origin}/api`, { headers, ...options });
}

const redirect = (location: string, status = 307) => raw(status, '', { location });

describe('a redirect of a REST API', () => {
  it.each([301, 302, 303, 307, 308])(
    'to its own origin is followed with HTTP %i, with the credentials',
    async (status) => {
      using client = createClient();
      server.answer(redirect('/v2/orders/1', status), json(200, { id: '1' }));
      await expect(client.get('/orders/1')).resolves.toMatchObject({ data: { id: '1' } });
      expect(server.requests.map(({ url }) => url)).toEqual(['/api/orders/1', '/v2/orders/1']);
      expect(server.requests.at(-1)?.headers.authorization).toBe(headers.authorization);
    },
  );

  it('is followed five times', async () => {
    using client = createClient();
    const again = redirect('/again');
    server.answer(again, again, again, again, again, json(200, { id: '1' }));
    await expect(client.get('/orders/1')).resolves.toMatchObject({ data: { id: '1' } });
    server.answer(again, again, again, again, again, again, json(200, {}));
    await expect(client.get('/orders/1')).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('there are too many'),
    });
  });

  it.each([
    ['another port', () => elsewhere.origin],
    ['another name of the same host', () => server.origin.replace('127.0.0.1', 'localhost')],
    ['another scheme', () => server.origin.replace('http:', 'https:')],
    ['a host without a scheme', () => elsewhere.origin.replace('http:', '')],
    ['the own host with other credentials', () => elsewhere.origin.replace('//', '//127.0.0.1@')],
    ['no address at all', () => 'http://'],
    ['a file', () => 'file:///etc/passwd'],
  ])('to %s is refused, and nothing is sent there', async (_, origin) => {
    using client = createClient();
    const before = server.requests.length;
    server.answer(redirect(`${origin()}/orders/1`));
    await expect(client.get('/orders/1')).rejects.toMatchObject(refused);
    expect(elsewhere.requests).toEqual([]);
    expect(server.requests.length).toBe(before + 1);
  });

  it.each([301, 302])('with HTTP %i does not turn a change into a query', async (status) => {
    using client = createClient();
    server.answer(redirect('/done', status), json(200, {}));
    await expect(client.post('/orders', {})).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining(`HTTP ${status} would turn POST into GET`),
    });
    expect(server.requests).toHaveLength(1);
  });

  it.each([307, 308])('with HTTP %i repeats a change there, with its body', async (status) => {
    using client = createClient();
    server.answer(redirect('/v2/orders', status), json(200, {}));
    await client.post('/orders', { a: 1 }, { idempotencyKey: 'key-1' });
    expect(server.requests.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['POST', '/api/orders', '{"a":1}'],
      ['POST', '/v2/orders', '{"a":1}'],
    ]);
    expect(server.requests.at(-1)?.headers).toMatchObject({ 'idempotency-key': 'key-1' });
  });

  it('with HTTP 303 leads from a change to its result', async () => {
    using client = createClient();
    server.answer(redirect('/results/1', 303), json(200, { id: '1' }));
    await expect(client.put('/orders/1', {})).resolves.toMatchObject({ data: { id: '1' } });
    expect(server.requests.map(({ method }) => method)).toEqual(['PUT', 'GET']);
  });

  it('is not followed if they are switched off', async () => {
    using client = createClient({ maxRedirects: 0 });
    server.answer(redirect('/v2/orders/1'));
    await expect(client.get('/orders/1')).rejects.toMatchObject({ ...refused, status: 307 });
    expect(server.requests).toHaveLength(1);
  });
});
