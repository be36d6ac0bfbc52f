import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createServiceClient } from './create-service-client.ts';
import { startTestServer, type TestServer } from './testing/http-server.ts';

let server: TestServer;

beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server[Symbol.asyncDispose]());

const unsendable = { code: Status.INVALID_ARGUMENT, reason: 'UNSENDABLE_HEADER' };

describe('a call of a REST API', () => {
  it.each([
    ['other letters', '\u0437\u0430\u043a\u0430\u0437-1'],
    ['an emoji', 'order-\u{1f4e6}'],
    ['a line break', 'a\r\nb: c'],
    ['a line break at its end', 'key\n'],
    ['a null byte', 'a\0b'],
    ['a space at its beginning', ' key'],
    ['half a character', 'a\ud800'],
  ])('is not sent with another key instead of one with %s', async (_, idempotencyKey) => {
    using client = createServiceClient(server.origin);
    await expect(client.post('/orders', {}, { idempotencyKey })).rejects.toMatchObject(unsendable);
    await expect(client.get('/orders', { headers: { 'x-key': idempotencyKey } })).rejects.toMatchObject(unsendable);
    expect(server.requests).toEqual([]);
  });

  it.each(['key-1', 'a b', 'k\u00e4', '~!#'])('sends the key %j as it is', async (idempotencyKey) => {
    using client = createServiceClient(server.origin);
    await client.post('/orders', {}, { idempotencyKey });
    expect(server.requests.at(-1)?.headers['idempotency-key']).toBe(idempotencyKey);
  });

  it('refuses a header whose name is not one, and does not repeat its value', async () => {
    using client = createServiceClient(server.origin, { headers: { 'x key': 'secret-token' } });
    const error = await client.get('/orders').catch((reason: Error) => reason);
    expect(error).toMatchObject(unsendable);
    expect(String(error)).not.toContain('secret-token');
  });
});
