import type { ServerResponse } from 'node:http';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../testing/eventually.ts';
import { createServiceClient } from './create-service-client.ts';
import type { RestClient } from './rest-client.ts';
import { json, raw, startTestServer, type TestServer } from './testing/http-server.ts';

const maxResponseBytes = 100_000;
const ofJson = { 'content-type': 'application/json' };
let server: TestServer;
let client: RestClient;

beforeAll(async () => {
  server = await startTestServer();
  client = createServiceClient(server.origin, { maxResponseBytes });
});
afterAll(async () => {
  client.close();
  await server[Symbol.asyncDispose]();
});

describe('the response of a REST call', () => {
  const text = JSON.stringify({ name: 'Ada é €' });

  it.each<[string, Parameters<typeof raw>]>([
    ['plain', [200, text, ofJson]],
    ['with a charset', [200, text, { 'content-type': 'Application/JSON; charset=utf-8' }]],
    ['with a byte order mark', [200, `\ufeff${text}`, ofJson]],
    ['of a derived type', [200, text, { 'content-type': 'application/hal+json' }]],
    ['compressed with gzip', [200, gzipSync(text), { ...ofJson, 'content-encoding': 'gzip' }]],
    ['compressed with deflate', [200, deflateSync(text), { ...ofJson, 'content-encoding': 'deflate' }]],
    ['compressed with brotli', [200, brotliCompressSync(text), { ...ofJson, 'content-encoding': 'br' }]],
  ])('is read: %s', async (_, [status, body, headers]) => {
    server.answer(raw(status, body, headers));
    await expect(client.get('/a')).resolves.toMatchObject({ data: { name: 'Ada é €' } });
  });

  it('may have up to as many bytes as the client accepts', async () => {
    server.answer(raw(200, `"${'x'.repeat(maxResponseBytes - 2)}"`, ofJson));
    await expect(client.get('/a')).resolves.toMatchObject({ data: expect.stringMatching(/^x+$/) });
  });

  it('may have a member __proto__, which is a member like others', async () => {
    server.answer(raw(200, '{"__proto__":{"admin":true}}', ofJson));
    const { data } = await client.get<Record<string, unknown>>('/a');
    expect(data.admin).toBeUndefined();
    expect(Object.keys(data)).toEqual(['__proto__']);
  });

  it.each<[string, Parameters<typeof raw>, string]>([
    ['HTML', [200, '<html>', { 'content-type': 'text/html' }], 'text/html instead of JSON'],
    ['JSON without a type', [200, '{}'], 'no type instead of JSON'],
    ['broken JSON', [200, '{"a":', ofJson], 'malformed JSON'],
    ['two values', [200, '{}{}', ofJson], 'malformed JSON'],
    ['Latin-1', [200, Buffer.from('"\xe9"', 'latin1'), ofJson], 'JSON that is not in UTF-8'],
    ['what is not compressed', [200, text, { ...ofJson, 'content-encoding': 'gzip' }], 'Z_DATA_ERROR'],
    ['half of it', [200, gzipSync(text).subarray(0, 30), { ...ofJson, 'content-encoding': 'gzip' }], 'malformed JSON'],
    ['an unknown compression', [200, text, { ...ofJson, 'content-encoding': 'zz' }], 'unknown content-encoding zz'],
    ['two compressions', [200, text, { ...ofJson, 'content-encoding': 'gzip, br' }], 'unknown content-encoding'],
  ])('cannot be read if it is %s', async (_, [status, body, headers], problem) => {
    server.answer(raw(status, body, headers));
    await expect(client.get('/a')).rejects.toMatchObject({
      code: Status.INTERNAL,
      reason: 'RESPONSE_UNREADABLE',
      message: expect.stringContaining(problem),
    });
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['of 300 MB in one piece', endless({ ...ofJson, 'content-length': '300000000' })],
    ['without an end', endless(ofJson)],
    ['without an end, as an error', endless(ofJson, 500)],
  ])('is not read to its end if it is one %s', async (_, answer) => {
    const before = process.memoryUsage().rss;
    let sent: ServerResponse | undefined;
    server.answer((response) => {
      sent = response;
      answer(response);
    });
    const calls = server.requests.length;
    await expect(client.get('/a')).rejects.toMatchObject({ code: Status.INTERNAL, reason: 'RESPONSE_TOO_LARGE' });
    await eventually(() => expect(sent?.destroyed).toBe(true));
    expect(sent?.socket?.bytesWritten ?? 0).toBeLessThan(20_000_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    expect(server.requests.length).toBe(calls + 1);
  });

  it.each([
    ['gzip', gzipSync],
    ['br', (bytes: Buffer) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
  ])('is not decompressed to its end if it is a bomb in %s', async (encoding, compress) => {
    const bomb = compress(Buffer.alloc(200_000_000, ' '));
    const before = process.memoryUsage().rss;
    server.answer(raw(200, bomb, { ...ofJson, 'content-encoding': encoding }));
    await expect(client.get('/a')).rejects.toMatchObject({ reason: 'RESPONSE_TOO_LARGE' });
    expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
  });

  it('may be 10 MiB by default', async () => {
    using roomy = createServiceClient(server.origin);
    server.answer(json(200, 'x'.repeat(10 * 1024 * 1024 - 2)));
    await expect(roomy.get('/a')).resolves.toMatchObject({ status: 200 });
    server.answer(json(200, 'x'.repeat(10 * 1024 * 1024 - 1)));
    await expect(roomy.get('/a')).rejects.toMatchObject({ reason: 'RESPONSE_TOO_LARGE' });
  });
});

/** Sends for as long as someone reads. */
function endless(headers: Readonly<Record<string, string>>, status = 200): (response: ServerResponse) => void {
  return (response) => {
    const goOn = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
    };
    response.writeHead(status, headers).on('drain', goOn);
    goOn();
  };
}
