import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0', HTTP_METADATA: 'x-token-bin' });
});

afterAll(() => mesh.stop());

const getUser = '/user.v1.UserService/GetUser';
const maxBytes = 4 * 1024 * 1024;

/** Sends bytes as they are. Returns the status, the headers, the bytes and the JSON of the answer. */
async function send(method: string, path: string, headers: Record<string, string>, body?: string | Uint8Array) {
  const sent = body === undefined ? {} : { body: Buffer.from(body) };
  const response = await fetch(`http://${mesh.httpAddress}${path}`, { method, headers, ...sent });
  const bytes = Buffer.from(await response.bytes());
  const isJson = /json/.test(response.headers.get('content-type') ?? '') && bytes[0] === 0x7b;
  return { status: response.status, headers: response.headers, bytes, json: isJson ? JSON.parse(`${bytes}`) : {} };
}

const json = { 'content-type': 'application/json' };
const call = (method: string, body: unknown) =>
  send('POST', `/${method}`, json, typeof body === 'string' ? body : JSON.stringify(body));

function envelope(flags: number, message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(flags);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

it('a call with curl and JSON places an order and reads it', async () => {
  await call('user.v1.UserService/CreateUser', { user: { id: 'eve', name: 'Eve', email: 'eve@example.com' } });
  const price = { currencyCode: 'USD', minorUnits: 100 };
  await call('inventory.v1.InventoryService/CreateItem', {
    item: { sku: 'tea', name: 'Tea', unitPrice: price, onHand: 5 },
  });
  const address = { recipient: 'Eve', lines: ['1 Street'], city: 'Bern', postalCode: '3000', countryCode: 'CH' };
  const requestId = randomUUID();
  const order = { requestId, userId: 'eve', items: [{ sku: 'tea', quantity: 2 }], shippingAddress: address };
  const placed = await call('order.v1.OrderService/PlaceOrder', order);
  expect(placed).toMatchObject({ status: 200, json: { total: { currencyCode: 'USD', minorUnits: '200' } } });
  const read = await call('order.v1.OrderService/GetOrder', { id: placed.json.id });
  expect(read).toMatchObject({ status: 200, json: { id: placed.json.id, userId: 'eve' } });
});

describe('a request that is of neither protocol', () => {
  it.each([
    ['gRPC', 'POST', 'application/grpc', 415, 'gRPC is not served on this port'],
    ['gRPC with a codec', 'POST', 'application/grpc+json', 415, 'gRPC is not served on this port'],
    ['gRPC-Web in base64', 'POST', 'application/grpc-web-text', 415, 'application/grpc-web+proto'],
    ['the form of streams for a unary method', 'POST', 'application/connect+json', 415, 'application/json'],
    ['another media type', 'POST', 'text/plain', 415, 'application/json'],
    ['another HTTP method', 'PUT', 'application/json', 405, 'use POST or GET or HEAD'],
  ])('with %s is refused with a problem', async (_, method, type, status, detail) => {
    const refused = await send(method, getUser, { 'content-type': type }, '{}');
    expect(refused).toMatchObject({ status, json: { status, detail: expect.stringContaining(detail) } });
    expect(refused.headers.get('allow')).toBe(status === 405 ? 'POST,GET,HEAD' : null);
  });

  it('with GET of a method that changes something is refused with a problem', async () => {
    const refused = await send('GET', '/user.v1.UserService/CreateUser?encoding=json&message={}', {});
    expect(refused).toMatchObject({ status: 405, json: { reason: 'METHOD_NOT_ALLOWED' } });
  });

  it.each(['/user.v1.UserService/Nothing', '/user.v1.UserService/', '/grpc.health.v1.Health/Check'])(
    'at %s is not found',
    async (path) => {
      expect(await send('POST', path, json, '{}')).toMatchObject({ status: 404, json: { reason: 'PATH_NOT_FOUND' } });
    },
  );
});

describe('JSON over Connect', () => {
  it.each([
    ['with a field that is not in the contract', '{"ids": "x"}', 'ids'],
    ['with a field twice', '{"id": "x", "id": "y"}', 'id'],
    ['of another type', '{"id": 7}', 'id'],
    ['that is not JSON', '{', 'body'],
  ])('%s is refused with the name of the field', async (_, body, field) => {
    const refused = await call('user.v1.UserService/GetUser', body);
    expect(refused).toMatchObject({ status: 400, json: { code: 'invalid_argument' } });
    const violations = refused.json.details.flatMap(
      ({ debug }: { debug: Record<string, []> }) => debug.fieldViolations ?? [],
    );
    expect(violations).toEqual([expect.objectContaining({ field })]);
  });

  it('keeps numbers beyond 2^53', async () => {
    const large = { sku: 'gold', name: 'Gold', unitPrice: { currencyCode: 'USD', minorUnits: 'N' }, onHand: 1 };
    const body = JSON.stringify({ item: large }).replace('"N"', '9007199254740993');
    const { json } = await call('inventory.v1.InventoryService/CreateItem', body);
    expect(json).toMatchObject({ unitPrice: { minorUnits: '9007199254740993' } });
  });
});

describe('bytes over Connect and gRPC-Web', () => {
  const proto = { 'content-type': 'application/proto' };
  const stream = { 'content-type': 'application/connect+proto' };
  it.each([
    ['that are not a message', proto, Buffer.from([0xff]), 400, 'invalid_argument'],
    ['of more than 4 MiB', proto, Buffer.alloc(maxBytes + 1), 429, 'resource_exhausted'],
    [
      'of a bomb',
      { ...proto, 'content-encoding': 'gzip' },
      gzipSync(Buffer.alloc(maxBytes + 1)),
      429,
      'resource_exhausted',
    ],
    ['that are not gzip', { ...proto, 'content-encoding': 'gzip' }, Buffer.from('no'), 400, 'invalid_argument'],
    ['in an unknown encoding', { ...proto, 'content-encoding': 'rot13' }, Buffer.from('no'), 501, 'unimplemented'],
  ])('%s are refused', async (_, headers, body, status, code) => {
    expect(await send('POST', getUser, headers, body)).toMatchObject({ status, json: { code } });
  });

  it.each([
    ['without a message', Buffer.alloc(0), 'unimplemented'],
    ['of two messages', Buffer.concat([envelope(0, Buffer.alloc(0)), envelope(0, Buffer.alloc(0))]), 'unimplemented'],
    ['cut off within a message', envelope(0, Buffer.alloc(9)).subarray(0, 8), 'invalid_argument'],
    ['announcing 4 GiB', Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), 'resource_exhausted'],
    ['with unknown flags', envelope(0x40, Buffer.alloc(0)), 'internal'],
    ['that are not a message', envelope(0, Buffer.from([0xff])), 'invalid_argument'],
  ])('%s end the stream with an error', async (_, body, code) => {
    const { status, bytes } = await send('POST', '/user.v1.UserService/ListUsers', stream, body);
    expect(status).toBe(200);
    expect(bytes[0]).toBe(2);
    expect(JSON.parse(`${bytes.subarray(5)}`)).toMatchObject({ error: { code } });
  });

  it.each([
    ['message=!&base64=1&encoding=proto', 400],
    ['message={&encoding=json', 400],
    ['message={}&encoding=xml', 415],
    ['encoding=json&message={"id":"eve"}&message={"id":"tom"}', 400],
    ['encoding=json&encoding=proto&message={"id":"eve"}', 400],
    ['encoding=json&message={"id":"nobody"}', 404],
    ['connect=v1&encoding=json&message={"id":"nobody"}', 404],
    ['connect=v2&encoding=json&message={"id":"nobody"}', 400],
  ])('a query %s is answered with %i', async (query, status) => {
    expect(await send('GET', `${getUser}?${query}`, {})).toMatchObject({ status });
  });

  it('a query by HEAD has the head of GET', async () => {
    for (const id of ['heidi', 'nobody']) {
      if (id === 'heidi')
        await call('user.v1.UserService/CreateUser', { user: { id, name: 'H', email: 'h@example.com' } });
      const path = `${getUser}?encoding=json&message=${JSON.stringify({ id })}`;
      const [got, head] = [await send('GET', path, {}), await send('HEAD', path, {})];
      expect(head).toMatchObject({ status: got.status, bytes: Buffer.alloc(0) });
      for (const name of ['content-type', 'content-length']) expect(head.headers.get(name)).toBe(got.headers.get(name));
    }
  });

  it('a stream of another version of Connect ends with an error', async () => {
    const headers = { ...stream, 'connect-protocol-version': '2' };
    const { bytes } = await send('POST', '/user.v1.UserService/ListUsers', headers, envelope(0, Buffer.alloc(0)));
    expect(JSON.parse(`${bytes.subarray(5)}`)).toMatchObject({ error: { code: 'invalid_argument' } });
  });

  it('a query is not answered out of the cache of a proxy', async () => {
    const { headers } = await send('GET', `${getUser}?encoding=json&message={"id":"nobody"}`, {});
    expect(headers.get('cache-control')).toBe('private, no-cache');
  });

  it.each([
    [{ 'connect-timeout-ms': 'soon' }, 'invalid_argument'],
    [{ 'x-token-bin': '%%%' }, 'invalid_argument'],
    [{ 'connect-protocol-version': '2' }, 'invalid_argument'],
  ])('a header %j is refused', async (header, code) => {
    expect(await send('POST', getUser, { ...json, ...header }, '{"id": "eve"}')).toMatchObject({
      status: 400,
      json: { code },
    });
  });
});
