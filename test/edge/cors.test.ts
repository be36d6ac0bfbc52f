import { randomUUID } from 'node:crypto';
import { connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { userService } from '../../services/user/service.ts';
import { type SentRequest, send as sendTo } from './support/http.ts';

const shop = 'https://shop.example';
const foreign = 'https://evil.example';
const json = { 'content-type': 'application/json' };
const getUser = '/user.v1.UserService/GetUser';

let mesh: TestMesh;
let address: string;

beforeAll(async () => {
  const settings = { HTTP_LISTEN: '127.0.0.1:0', HTTP_CORS_ORIGINS: `${shop},http://localhost:5173` };
  mesh = await startMesh([userService, edgeService], settings);
  address = mesh.httpAddress ?? '';
  await send('POST', '/api/users', { body: { id: 'ada', name: 'Ada', email: 'ada@example.com' } });
});

afterAll(() => mesh.stop());

const send = (method: string, path: string, parts?: SentRequest) => sendTo(address, method, path, parts);
const newUser = () => ({ name: 'Ben', email: `${randomUUID()}@example.com` });

/** The headers of a preflight, as Chromium sends it. */
const preflight = (origin: string, method: string) => ({
  origin,
  'access-control-request-method': method,
  'access-control-request-headers': 'content-type,idempotency-key',
  'sec-fetch-site': 'cross-site',
  'sec-fetch-mode': 'cors',
});

const requests: readonly (readonly [string, string, string, () => SentRequest, number, string])[] = [
  ['a read', 'GET', '/api/users/ada', () => ({}), 200, 'origin, accept-encoding'],
  ['a read without body', 'HEAD', '/api/users/ada', () => ({}), 200, 'origin, accept-encoding'],
  ['a read of what it has', 'GET', '/api/users/ada', () => ({ headers: { 'if-none-match': '*' } }), 304, 'origin, acc'],
  ['a change', 'POST', '/api/users', () => ({ body: newUser() }), 200, 'origin, accept-encoding'],
  ['a list', 'GET', '/api/users', () => ({}), 200, 'origin, accept, accept-encoding'],
  ['events', 'GET', '/api/users', () => ({ headers: { accept: 'text/event-stream' } }), 200, 'origin, accept'],
  ['Connect', 'POST', getUser, () => ({ body: { id: 'ada' } }), 200, 'origin'],
  ['Connect with GET', 'GET', `${getUser}?encoding=json&message={"id":"ada"}`, () => ({}), 200, 'origin, accept-encod'],
  ['a refusal of Connect', 'POST', getUser, () => ({ body: { id: 'nobody' } }), 404, 'origin'],
  ['gRPC-Web', 'POST', getUser, () => ({ headers: grpcWeb, body: Buffer.alloc(5) }), 200, 'origin'],
  ['gRPC', 'POST', getUser, () => ({ headers: { 'content-type': 'application/grpc' } }), 415, 'origin'],
  ['a refusal of a service', 'GET', '/api/users/nobody', () => ({}), 404, 'origin'],
  ['an unknown path', 'GET', '/api/nothing', () => ({}), 404, 'origin'],
  ['a wrong method', 'PUT', '/api/users/ada', () => ({}), 405, 'origin'],
  ['an invalid request', 'POST', '/api/users', () => ({ body: {} }), 400, 'origin'],
  ['another media type', 'POST', '/api/users', () => ({ headers: text, body: Buffer.from('x') }), 415, 'origin'],
  ['what is not accepted', 'GET', '/api/users/ada', () => ({ headers: { accept: 'text/html' } }), 406, 'origin'],
  ['an absent service', 'GET', '/api/orders/1', () => ({}), 503, 'origin'],
  ['health', 'GET', '/api/health', () => ({}), 200, 'origin'],
  ['OpenAPI', 'GET', '/api/openapi.json', () => ({}), 200, 'origin, accept-encoding'],
  ['the docs', 'GET', '/api/docs', () => ({}), 200, 'origin, accept-encoding'],
];
const grpcWeb = { 'content-type': 'application/grpc-web+proto' };
const text = { 'content-type': 'text/plain' };

describe('a page of an allowed origin', () => {
  it.each(requests)('may read the answer to %s', async (_, method, path, parts, status, vary) => {
    const { headers, ...rest } = parts();
    const answer = await send(method, encodeURI(path), { ...rest, headers: { ...headers, origin: shop } });
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': shop,
      'access-control-expose-headers': '*',
      vary: expect.stringMatching(new RegExp(`^${vary}`)),
    });
    expect(answer.headers).not.toHaveProperty('access-control-allow-credentials');
  });

  it.each([
    ['/api/users', ['GET', 'HEAD', 'POST']],
    ['/api/users/ada', ['DELETE', 'GET', 'HEAD', 'PATCH']],
    ['/api/users/ada?x=1', ['DELETE', 'GET', 'HEAD', 'PATCH']],
    [getUser, ['GET', 'HEAD', 'POST']],
    ['/user.v1.UserService/CreateUser', ['POST']],
    ['/api/health', ['GET', 'HEAD']],
    ['/api/openapi.json', ['GET', 'HEAD']],
    // Its POST gets through, and so its page reads that there is no such path.
    ['/api/nothing', []],
  ])('learns the methods of %s', async (path, methods) => {
    const answer = await send('OPTIONS', path, { headers: preflight(shop, 'POST') });
    expect(answer).toMatchObject({ status: 204, headers: { 'access-control-allow-origin': shop, vary: 'origin' } });
    const named = answer.headers['access-control-allow-methods'];
    expect(named?.split(', ').sort() ?? []).toEqual(methods);
    expect(answer.headers['access-control-max-age']).toBe('7200');
    expect(answer.bytes).toHaveLength(0);
  });

  it.each([
    ...['content-type', 'accept', 'idempotency-key', 'if-match', 'if-none-match', 'last-event-id', 'request-timeout'],
    ...['x-request-id', 'traceparent', 'tracestate'],
    ...['connect-protocol-version', 'connect-timeout-ms', 'x-grpc-web', 'x-user-agent', 'grpc-timeout'],
  ])('may send the header %s', async (name) => {
    const { headers } = await send('OPTIONS', '/api/users', { headers: preflight(shop, 'POST') });
    expect(headers['access-control-allow-headers']?.split(', ')).toContain(name);
  });
});

describe('a page of another origin', () => {
  it.each([foreign, 'null', 'http://shop.example', `${shop}:8443`, `${shop}.evil.example`, 'https://SHOP.example'])(
    '%s may read nothing',
    async (origin) => {
      const answer = await send('GET', '/api/users/ada', { headers: { origin } });
      expect(answer).toMatchObject({ status: 200, headers: { vary: 'origin, accept-encoding' } });
      expect(Object.keys(answer.headers).join()).not.toMatch(/access-control/);
    },
  );

  it.each([
    ['GET', '/api/users/ada'],
    ['POST', '/api/users'],
    ['POST', getUser],
    ['POST', '/api/nothing'],
  ])('is refused when it asks whether it may %s %s', async (method, path) => {
    const answer = await send('OPTIONS', path, { headers: preflight(foreign, method) });
    expect(answer).toMatchObject({ status: 403, json: { code: 'PERMISSION_DENIED', reason: 'ORIGIN_NOT_ALLOWED' } });
    expect(answer.json.detail).toMatch(/^pages of https:\/\/evil.example may not .*: add .* to HTTP_CORS_ORIGINS$/);
    expect(Object.keys(answer.headers).join()).not.toMatch(/access-control/);
  });
});

describe('a change', () => {
  const own = () => `http://${address}`;

  it.each<[string, () => Record<string, string>, number]>([
    ['an allowed origin', () => ({ origin: shop, 'sec-fetch-site': 'cross-site' }), 200],
    ['the own origin, by a browser', () => ({ origin: own(), 'sec-fetch-site': 'same-origin' }), 200],
    ['the own origin, by an older browser', () => ({ origin: own() }), 200],
    ['the own origin behind TLS', () => ({ origin: own().replace('http:', 'https:') }), 200],
    ['the own origin behind a proxy', () => ({ origin: 'https://api.example', 'sec-fetch-site': 'same-origin' }), 200],
    ['no origin', () => ({}), 200],
    ['the address bar', () => ({ 'sec-fetch-site': 'none' }), 200],
    ['another origin', () => ({ origin: foreign, 'sec-fetch-site': 'cross-site' }), 403],
    ['another origin, by an older browser', () => ({ origin: foreign }), 403],
    ['another port', () => ({ origin: own().replace(/\d+$/, '1'), 'sec-fetch-site': 'same-site' }), 403],
    ['another page without its origin', () => ({ 'sec-fetch-site': 'cross-site' }), 403],
    ['a page in a sandbox', () => ({ origin: 'null', 'sec-fetch-site': 'cross-site' }), 403],
    ['an origin that is none', () => ({ origin: 'evil' }), 403],
    ['the own host as another origin', () => ({ origin: own(), 'sec-fetch-site': 'cross-site' }), 403],
    ['a host that is no origin', () => ({ origin: address }), 403],
  ])('from %s', async (_, headersOf, status) => {
    const headers = headersOf();
    for (const path of ['/api/users', '/user.v1.UserService/CreateUser']) {
      const body = path === '/api/users' ? newUser() : { user: newUser() };
      const answer = await send('POST', path, { headers: { ...json, ...headers }, body });
      expect([path, answer.status, answer.json.reason]).toEqual([path, status, status === 403 ? refused : undefined]);
    }
    expect((await send('GET', '/api/users/ada', { headers })).status).toBe(200);
  });

  it('without a body, which needs no preflight, is refused too', async () => {
    const answer = await send('DELETE', '/api/users/ada', { headers: { origin: foreign } });
    expect(answer).toMatchObject({ status: 403, json: { reason: refused } });
    expect((await send('GET', '/api/users/ada')).status).toBe(200);
  });

  it.each([
    [200, own],
    [403, () => foreign],
  ])('over HTTP/2 gets %i', async (status, originOf) => {
    const session = connect(own());
    onTestFinished(() => session.close());
    const stream = session.request({ ':method': 'POST', ':path': '/api/users', ...json, origin: originOf() });
    stream.end(JSON.stringify(newUser()));
    const answered = await new Promise<number | undefined>((resolve, reject) => {
      stream.once('response', (headers) => resolve(headers[':status'])).once('error', reject);
    });
    stream.resume();
    expect(answered).toBe(status);
  });
});

const refused = 'ORIGIN_NOT_ALLOWED';

describe('HTTP_CORS_ORIGINS', () => {
  async function startWith(environment: Record<string, string>) {
    const other = await startMesh([userService, edgeService], { HTTP_LISTEN: '127.0.0.1:0', ...environment });
    onTestFinished(() => other.stop());
    return (...[method, path, parts]: Parameters<typeof send>) => sendTo(other.httpAddress ?? '', method, path, parts);
  }

  it('allows no origin by default', async () => {
    const call = await startWith({});
    const read = await call('GET', '/api/health', { headers: { origin: shop } });
    expect(read.status).toBe(200);
    expect(Object.keys(read.headers).join()).not.toMatch(/access-control|vary/);
    expect((await call('OPTIONS', '/api/users', { headers: preflight(shop, 'POST') })).status).toBe(403);
    expect(await call('POST', '/api/users', { headers: { origin: shop }, body: newUser() })).toMatchObject({
      status: 403,
      json: { reason: refused },
    });
    // Without an origin it is no preflight.
    expect((await call('OPTIONS', '/api/users')).headers.allow).toBe('GET,HEAD,POST');
  });

  it('allows any origin as *, also that of a sandbox', async () => {
    const call = await startWith({ HTTP_CORS_ORIGINS: '*' });
    for (const origin of [shop, 'null']) {
      const answer = await call('POST', '/api/users', { headers: { origin }, body: newUser() });
      expect(answer).toMatchObject({ status: 200, headers: { 'access-control-allow-origin': '*' } });
      expect(answer.headers.vary).toBe('accept-encoding');
      const asked = await call('OPTIONS', '/api/users', { headers: preflight(origin, 'POST') });
      expect(asked).toMatchObject({ status: 204, headers: { 'access-control-allow-origin': '*' } });
    }
  });
});
