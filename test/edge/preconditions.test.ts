import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { type SentRequest, send as sendTo } from './support/http.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
});

afterAll(() => mesh.stop());

const send = (method: string, path: string, parts?: SentRequest) => sendTo(mesh.httpAddress ?? '', method, path, parts);

/** Creates a user; returns how to reach it, and its etag. */
async function newUser(name = 'Ada') {
  const id = randomUUID();
  const created = await send('POST', '/api/users', { body: { id, name, email: `${id}@example.com` } });
  return { path: `/api/users/${id}`, etag: created.json.etag as string, tag: created.headers.etag ?? '', created };
}

const rename = (path: string, headers: OutgoingHttpHeaders, body: object = {}) =>
  send('PATCH', path, { headers, body: { name: `New ${randomUUID()}`, ...body } });

describe('the ETag of an answer', () => {
  it('is the etag of the resource in quotes, for reads and changes', async () => {
    const { path, etag, tag } = await newUser();
    expect(tag).toBe(`"${etag}"`);
    expect((await send('GET', path)).headers.etag).toBe(tag);
    const renamed = await rename(path, {});
    expect(renamed.headers.etag).toBe(`"${renamed.json.etag}"`);
    expect(renamed.headers.etag).not.toBe(tag);
  });

  it('is missing where the resource has none', async () => {
    expect((await send('GET', '/api/topics')).headers).not.toHaveProperty('etag');
    const { path } = await newUser();
    const refused = await send('GET', `${path}x`);
    expect(refused).toMatchObject({ status: 404 });
    expect(refused.headers).not.toHaveProperty('etag');
  });

  it('is another one for a compressed answer, which names the same version', async () => {
    const { path, etag } = await newUser('A'.repeat(200));
    // Plain bytes are refused, so the answer is compressed whatever its size.
    const zipped = await send('GET', path, { headers: { 'accept-encoding': 'gzip, identity;q=0' } });
    expect(zipped.headers).toMatchObject({ etag: `"${etag}-gzip"`, 'content-encoding': 'gzip' });
    expect(JSON.parse(gunzipSync(zipped.bytes).toString())).toMatchObject({ etag });
    const unchanged = await send('GET', path, { headers: { 'if-none-match': `"${etag}-gzip"` } });
    expect(unchanged.status).toBe(304);
    expect((await rename(path, { 'if-match': `"${etag}-gzip"` })).status).toBe(200);
  });
});

describe('If-None-Match', () => {
  it.each(['GET', 'HEAD'])('answers %s with 304 and no body if nothing changed', async (method) => {
    const { path, tag } = await newUser();
    for (const condition of [tag, `W/${tag}`, `"0", ${tag}`, '*']) {
      const unchanged = await send(method, path, { headers: { 'if-none-match': condition } });
      expect(unchanged).toMatchObject({ status: 304, headers: { etag: tag, vary: 'accept-encoding' } });
      expect(unchanged.bytes).toHaveLength(0);
      expect(unchanged.headers).not.toHaveProperty('content-type');
    }
    await rename(path, {});
    expect(await send(method, path, { headers: { 'if-none-match': tag } })).toMatchObject({ status: 200 });
  });

  it('does not hide that the resource is gone', async () => {
    const { path, tag } = await newUser();
    await send('DELETE', path);
    expect((await send('GET', path, { headers: { 'if-none-match': tag } })).status).toBe(404);
  });

  it('is refused for a change', async () => {
    const { path } = await newUser();
    const refused = await rename(path, { 'if-none-match': '*' });
    expect(refused).toMatchObject({ status: 412, json: { reason: 'PRECONDITION_FAILED' } });
  });
});

describe('If-Match', () => {
  it('lets one of two updates through', async () => {
    const { path, tag } = await newUser();
    const first = await rename(path, { 'if-match': tag });
    expect(first.status).toBe(200);
    expect(await rename(path, { 'if-match': tag })).toMatchObject({
      status: 412,
      json: { status: 412, reason: 'STALE_ETAG', code: 'ABORTED' },
    });
    expect((await send('GET', path)).json).toEqual(first.json);
    expect((await rename(path, { 'if-match': first.headers.etag })).status).toBe(200);
  });

  it('is compared before a delete', async () => {
    const { path, tag } = await newUser();
    const { headers } = await rename(path, {});
    expect((await send('DELETE', path, { headers: { 'if-match': tag } })).status).toBe(412);
    expect((await send('DELETE', path, { headers: { 'if-match': headers.etag } })).status).toBe(200);
  });

  it('takes *, and a list of tags', async () => {
    const { path, tag } = await newUser();
    expect((await rename(path, { 'if-match': '*' })).status).toBe(200);
    const { etag } = (await send('GET', path)).json;
    expect((await rename(path, { 'if-match': `${tag}, "${etag}"` })).status).toBe(200);
    expect((await rename(path, { 'if-match': `${tag}, "${etag}"` })).status).toBe(412);
  });

  it('of several tags takes effect once under one key', async () => {
    const { path, tag } = await newUser();
    await rename(path, {});
    const { etag } = (await send('GET', path)).json;
    const headers = { 'if-match': `${tag}, "${etag}"`, 'idempotency-key': randomUUID() };
    const first = await rename(path, headers, { name: 'Once' });
    expect(first.status).toBe(200);
    expect(await rename(path, headers, { name: 'Once' })).toMatchObject({ status: 200, json: first.json });
    expect(await rename(path, headers, { name: 'Twice' })).toMatchObject({ status: 422 });
  });

  it('never matches a weak or an empty tag', async () => {
    const { path, tag } = await newUser();
    for (const condition of [`W/${tag}`, '""']) {
      expect(await rename(path, { 'if-match': condition })).toMatchObject({
        status: 412,
        json: { reason: 'PRECONDITION_FAILED' },
      });
    }
  });

  it('may agree with the etag of the body, and not contradict it', async () => {
    const { path, etag, tag } = await newUser();
    expect((await rename(path, { 'if-match': '"0"' }, { etag })).json).toMatchObject({
      status: 400,
      reason: 'HEADER_CONTRADICTS_BODY',
      violations: [{ field: 'user.etag' }],
    });
    expect((await rename(path, { 'if-match': tag }, { etag })).status).toBe(200);
    // Without the header a stale etag is a conflict.
    expect((await rename(path, {}, { etag })).json).toMatchObject({ status: 409, reason: 'STALE_ETAG' });
  });

  it('is refused by a method that compares no etag', async () => {
    const refused = await send('POST', '/api/users', {
      headers: { 'if-match': '"1"' },
      body: { name: 'A', email: 'a@example.com' },
    });
    expect(refused).toMatchObject({ status: 412, json: { reason: 'PRECONDITION_FAILED' } });
  });

  it('is compared by a read, too', async () => {
    const { path, tag } = await newUser();
    expect((await send('GET', path, { headers: { 'if-match': tag } })).status).toBe(200);
    expect((await send('GET', path, { headers: { 'if-match': '"0"' } })).json).toMatchObject({
      status: 412,
      reason: 'PRECONDITION_FAILED',
    });
  });

  it('leaves a missing resource missing', async () => {
    expect((await rename(`/api/users/${randomUUID()}`, { 'if-match': '"1"' })).status).toBe(404);
  });

  it.each(['7', '"7', 'W/7', '"7" "8"', '*, "7"'])('is refused as %s', async (condition) => {
    const { path } = await newUser();
    expect(await rename(path, { 'if-match': condition })).toMatchObject({
      status: 400,
      json: { reason: 'INVALID_HEADER', violations: [{ field: 'If-Match' }] },
    });
  });
});
