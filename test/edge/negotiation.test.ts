import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { type SentRequest, send as sendTo } from './support/http.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
  for (let index = 0; index < 20; index += 1) {
    await send('POST', '/api/users', { body: { id: `u${index}`, name: 'A name', email: `u${index}@example.com` } });
  }
});

afterAll(() => mesh.stop());

const send = (method: string, path: string, parts?: SentRequest) => sendTo(mesh.httpAddress ?? '', method, path, parts);

/** A path whose answer has more than 1 KiB. */
const large = `/api/users:batchGet?${Array.from({ length: 20 }, (_, index) => `ids=u${index}`).join('&')}`;
const small = '/api/users/u1';

describe('the coding of an answer', () => {
  it('is gzip from 1 KiB on, if the caller accepts it', async () => {
    const [plain, zipped] = [
      await send('GET', large),
      await send('GET', large, { headers: { 'accept-encoding': 'br, gzip' } }),
    ];
    expect(plain.bytes.length).toBeGreaterThan(1_024);
    expect(plain.headers).not.toHaveProperty('content-encoding');
    expect(zipped.headers).toMatchObject({ 'content-encoding': 'gzip', 'content-type': 'application/json' });
    expect(zipped.bytes.length).toBeLessThan(plain.bytes.length / 2);
    expect(gunzipSync(zipped.bytes)).toEqual(plain.bytes);
    for (const { headers } of [plain, zipped]) expect(headers.vary).toBe('accept-encoding');
  });

  it('is none for a small answer, or if the caller likes it better', async () => {
    expect((await send('GET', small, { headers: { 'accept-encoding': 'gzip' } })).json).toMatchObject({ id: 'u1' });
    const preferred = { 'accept-encoding': 'gzip;q=0.5, identity' };
    expect((await send('GET', large, { headers: preferred })).json.users).toHaveLength(20);
  });

  it('is the same for HEAD', async () => {
    const headers = { 'accept-encoding': 'gzip' };
    const [got, head] = [await send('GET', large, { headers }), await send('HEAD', large, { headers })];
    expect(head.bytes).toHaveLength(0);
    const { date: _, 'x-request-id': __, ...same } = got.headers;
    expect(head.headers).toMatchObject(same);
    expect(Number(head.headers['content-length'])).toBe(got.bytes.length);
  });

  it('is refused if the caller accepts none', async () => {
    const refused = await send('GET', small, { headers: { 'accept-encoding': 'br, identity;q=0' } });
    expect(refused).toMatchObject({ status: 406, json: { reason: 'NOT_ACCEPTABLE' } });
  });
});

describe('the media type of an answer', () => {
  it.each(['*/*', 'application/*', 'application/json', 'text/html, */*;q=0.1'])('fits Accept %s', async (accept) => {
    expect((await send('GET', small, { headers: { accept } })).status).toBe(200);
  });

  it.each(['text/html', 'application/xml, text/*', 'application/json;q=0', '*/*;q=0'])(
    'does not fit Accept %s, and then nothing is done',
    async (accept) => {
      const refused = await send('DELETE', '/api/users/u19', { headers: { accept } });
      expect(refused).toMatchObject({ status: 406, json: { reason: 'NOT_ACCEPTABLE' } });
      expect(refused.headers['content-type']).toBe('application/problem+json');
      expect((await send('GET', '/api/users/u19')).status).toBe(200);
    },
  );
});

describe('the coding of a body', () => {
  const patch = (body: Buffer, coding: string) =>
    send('PATCH', '/api/users/u2', { headers: { 'content-encoding': coding }, body });
  const json = JSON.stringify({ name: 'Zipped' });

  it('may be gzip, or identity', async () => {
    expect(await patch(gzipSync(json), 'gzip')).toMatchObject({ status: 200, json: { name: 'Zipped' } });
    expect(await patch(Buffer.from(json), 'identity')).toMatchObject({ status: 200 });
  });

  it('is refused if it is another, with what is supported', async () => {
    const refused = await patch(Buffer.from(json), 'br');
    expect(refused).toMatchObject({ status: 415, json: { reason: 'UNSUPPORTED_CONTENT_ENCODING' } });
    expect(refused.headers['accept-encoding']).toBe('gzip');
  });

  it('is refused if it is not what it says', async () => {
    expect(await patch(Buffer.from(json), 'gzip')).toMatchObject({
      status: 400,
      json: { reason: 'MALFORMED_CONTENT_ENCODING' },
    });
  });

  it('does not get around the limit of a body', async () => {
    const bomb = gzipSync(`{"name": "${'a'.repeat(50_000_000)}"}`);
    expect(bomb.length).toBeLessThan(100_000);
    expect(await patch(bomb, 'gzip')).toMatchObject({ status: 413, json: { reason: 'BODY_TOO_LARGE' } });
  });
});
