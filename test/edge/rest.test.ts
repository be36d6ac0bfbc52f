import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pathNotFound } from '../../mesh/edge/errors.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { bookOrder, fillShop, shopOf } from '../support/shop.ts';
import { type SentRequest, send as sendTo } from './support/http.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
});

afterAll(() => mesh.stop());

function send(method: string, path: string, sent?: SentRequest) {
  return sendTo(mesh.httpAddress ?? '', method, path, sent);
}

describe('a resource over REST', () => {
  it('is created, read, listed, updated and deleted', async () => {
    const created = await send('POST', '/api/users', { body: { id: 'amy', name: 'Amy', email: 'amy@example.com' } });
    expect(created).toMatchObject({ status: 200, json: { id: 'amy', name: 'Amy', email: 'amy@example.com' } });
    const read = await send('GET', '/api/users/amy');
    expect(read).toMatchObject({ status: 200, json: created.json });
    expect(read.headers['content-type']).toBe('application/json');
    await send('POST', '/api/users', { body: { id: 'bob', name: 'Bob', email: 'bob@example.com' } });
    const listed = await send('GET', '/api/users');
    expect(listed.json.map(({ id }: { id: string }) => id)).toEqual(['amy', 'bob']);
    const updated = await send('PATCH', '/api/users/bob?updateMask=name', { body: { name: 'Bobby' } });
    expect(updated).toMatchObject({ status: 200, json: { id: 'bob', name: 'Bobby', email: 'bob@example.com' } });
    expect(await send('DELETE', '/api/users/bob')).toMatchObject({ status: 200, json: {} });
    expect((await send('GET', '/api/users/bob')).status).toBe(404);
  });

  it('is answered to HEAD as to GET, without the body', async () => {
    await send('POST', '/api/users', { body: { id: 'head', name: 'Head', email: 'head@example.com' } });
    const [got, head] = [await send('GET', '/api/users/head'), await send('HEAD', '/api/users/head')];
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(head.headers['content-length']).toBe(String(got.text.length));
    expect(head.headers['content-type']).toBe('application/json');
  });
});

describe('an order over REST', () => {
  it('is placed, and read until it has completed', async () => {
    await fillShop(shopOf(mesh.runtime));
    const { userId, items, shippingAddress, requestId } = bookOrder();
    const body = { userId, items: items.map(({ sku, quantity }) => ({ sku, quantity })), shippingAddress, requestId };
    const placed = await send('POST', '/api/orders', { body });
    expect(placed).toMatchObject({
      status: 200,
      json: { userId, state: 'ORDER_STATE_PENDING', total: { currencyCode: 'EUR', minorUnits: '1500' } },
    });
    expect((await send('POST', '/api/orders', { body })).json.id).toBe(placed.json.id);
    const path = `/api/orders/${placed.json.id}`;
    await eventually(async () => expect((await send('GET', path)).json.state).toBe('ORDER_STATE_COMPLETED'));
    const watched = await send('GET', `${path}:watch`);
    expect(watched.json.at(-1)).toEqual((await send('GET', path)).json);
  });
});

describe('a refusal over REST', () => {
  it('of the service is a problem with its reason', async () => {
    const { status, headers, json } = await send('GET', '/api/users/nobody', { headers: { 'x-request-id': 'req-1' } });
    expect(status).toBe(404);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(headers['x-request-id']).toBe('req-1');
    expect(json).toEqual({
      type: 'urn:ordermesh:error:USER_NOT_FOUND',
      title: 'User not found',
      status: 404,
      detail: expect.stringContaining('nobody'),
      code: 'NOT_FOUND',
      reason: 'USER_NOT_FOUND',
      metadata: { id: 'nobody' },
      request_id: 'req-1',
    });
  });

  it('of an invalid request names each field', async () => {
    const { status, json } = await send('POST', '/api/users', { body: { id: '-', email: 'nonsense' } });
    expect(status).toBe(400);
    expect(json.reason).toBe('INVALID_FIELD');
    expect(json.violations.map(({ field }: { field: string }) => field)).toEqual(['user.id', 'user.email']);
  });

  it.each([
    ['an unknown path', 'GET', '/api/nothing', 404, 'PATH_NOT_FOUND'],
    ['a slash at the end', 'GET', '/api/users/', 404, 'PATH_NOT_FOUND'],
    ['a malformed escape', 'GET', '/api/users/%zz', 400, 'INVALID_FIELD'],
    ['another method', 'PUT', '/api/users/ada', 405, 'METHOD_NOT_ALLOWED'],
    ['a method that Fastify does not know', 'PROPFIND', '/api/users/ada', 405, 'METHOD_NOT_ALLOWED'],
  ])('of %s is a problem', async (_, method, path, status, reason) => {
    const refused = await send(method, path);
    expect(refused).toMatchObject({ status, json: { status, reason } });
    expect(refused.headers.allow).toBe(status === 405 ? 'DELETE,GET,HEAD,PATCH' : undefined);
  });

  it('of an unknown path names it: cut, and without control characters', async () => {
    const of = async (path: string) => (await send('GET', path)).json.detail;
    expect(await of('/api/nothing?a=1')).toBe(
      'GET /api/nothing not found: check the path, character by character; a slash at its end counts. /api/docs lists all',
    );
    expect((await of(`/api/${'x'.repeat(1_000)}`)).length).toBeLessThan(400);
    expect(pathNotFound({ method: 'GET', path: '/a\n\u001b[0m' }).message).toMatch(/^GET \/a \[0m not found/);
  });

  it.each([
    ['{', 'is not valid JSON: it ends too early'],
    ['', 'is required'],
  ])('of the body %j names the body, not the field that it is', async (body, description) => {
    const headers = { 'content-type': 'application/json' };
    const refused = await fetch(`http://${mesh.httpAddress}/api/users`, { method: 'POST', headers, body });
    expect(await refused.json()).toMatchObject({ status: 400, violations: [{ field: 'body', description }] });
  });

  it('of a time whose + became a space says how to write it', async () => {
    const { json } = await send('GET', '/api/accounts/ada?as_of_time=2026-11-29T20:00:00+01:00');
    expect(json.violations).toMatchObject([{ description: expect.stringContaining('in a query, write + as %2B') }]);
  });

  it.each(['GET', 'DELETE'])('of a body that %s does not take is a problem', async (method) => {
    const refused = await send(method, '/api/users/ada', { body: {}, headers: { 'content-length': '2' } });
    expect(refused).toMatchObject({ status: 400, json: { violations: [{ field: 'body' }] } });
    expect(refused.headers.connection).toBe('close');
  });

  it.each([
    ['a body that is not JSON', 'text/plain', 'hello', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['another charset', 'application/json; charset=latin1', '{}', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['JSON with a fault', 'application/json', '{', 400, 'INVALID_FIELD'],
    ['more than 4 MiB', 'application/json', `"${'a'.repeat(4 * 1024 * 1024)}"`, 413, 'BODY_TOO_LARGE'],
  ])('of %s is a problem', async (_, type, body, status, reason) => {
    const refused = await send('POST', '/api/users', { body, headers: { 'content-type': type } });
    expect(refused).toMatchObject({ status, json: { status, reason } });
  });
});

it('answers a client that sends far more than a body may have, while it still sends', async () => {
  const [host = '', port] = (mesh.httpAddress ?? '').split(':');
  const socket = connect(Number(port), host);
  socket.write(
    'POST /api/users HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n',
  );
  const part = Buffer.alloc(64 * 1024, ' ');
  const failed: unknown[] = [];
  socket.on('error', (error) => failed.push(error));
  for (let sent = 0; sent < 100 && failed.length === 0; sent += 1) {
    if (!socket.write(part)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  socket.end();
  expect(await text(socket)).toMatch(/^HTTP\/1.1 413 .*BODY_TOO_LARGE/s);
  expect(failed).toEqual([]);
});

describe('what is no request', () => {
  /** Sends bytes. Returns the status and the problem of the answer, after which the connection is closed. */
  async function sendBytes(bytes: string) {
    const [host = '', port] = (mesh.httpAddress ?? '').split(':');
    const socket = connect(Number(port), host).on('error', () => undefined);
    socket.write(bytes);
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
    expect(head).toContain('application/problem+json');
    expect(head.toLowerCase()).toContain('\r\nconnection: close');
    const problem = JSON.parse(body);
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${problem.status} `));
    expect(head).toContain(`x-request-id: ${problem.request_id}`);
    return [problem.status, problem.reason, problem.title];
  }

  const ids = Array.from({ length: 1_000 }, () => randomUUID());
  it.each([
    ['a bad request line', 'nonsense\r\n\r\n', 400, 'MALFORMED_HTTP', 'Malformed HTTP'],
    [
      'a URL of more than 16 KiB',
      `GET /api/users:batchGet?ids=${ids.join('&ids=')} HTTP/1.1\r\nhost: a\r\n\r\n`,
      414,
      'URL_TOO_LONG',
      'URL too long',
    ],
  ])('gets a problem: %s', async (_, bytes, status, reason, title) => {
    expect(await sendBytes(bytes)).toEqual([status, reason, title]);
  });
});
