import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
});

afterAll(() => mesh.stop());

/** Sends a request with a JSON body. Returns status, headers and the parsed answer. */
async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`http://${mesh.httpAddress}${path}`, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text === '' ? undefined : JSON.parse(text) };
}

describe('a resource over REST', () => {
  it('is created, read, listed, updated and deleted', async () => {
    const created = await send('POST', '/api/users', { id: 'ada', name: 'Ada', email: 'ada@example.com' });
    expect(created).toMatchObject({ status: 200, json: { id: 'ada', name: 'Ada', email: 'ada@example.com' } });
    const read = await send('GET', '/api/users/ada');
    expect(read).toMatchObject({ status: 200, json: created.json });
    expect(read.headers.get('content-type')).toBe('application/json');
    await send('POST', '/api/users', { id: 'bob', name: 'Bob', email: 'bob@example.com' });
    const listed = await send('GET', '/api/users');
    expect(listed.json.map(({ id }: { id: string }) => id)).toEqual(['ada', 'bob']);
    const updated = await send('PATCH', '/api/users/bob?updateMask=name', { name: 'Bobby' });
    expect(updated).toMatchObject({ status: 200, json: { id: 'bob', name: 'Bobby', email: 'bob@example.com' } });
    expect(await send('DELETE', '/api/users/bob')).toMatchObject({ status: 200, json: {} });
    expect((await send('GET', '/api/users/bob')).status).toBe(404);
  });

  it('is answered to HEAD as to GET, without the body', async () => {
    await send('POST', '/api/users', { id: 'head', name: 'Head', email: 'head@example.com' });
    const [got, head] = [await send('GET', '/api/users/head'), await send('HEAD', '/api/users/head')];
    expect(head).toMatchObject({ status: 200, json: undefined });
    expect(head.headers.get('content-length')).toBe(String(JSON.stringify(got.json).length));
    expect(head.headers.get('content-type')).toBe('application/json');
  });
});

describe('a refusal over REST', () => {
  it('of the service is a problem with its reason', async () => {
    const { status, headers, json } = await send('GET', '/api/users/nobody', undefined, { 'x-request-id': 'req-1' });
    expect(status).toBe(404);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(headers.get('x-request-id')).toBe('req-1');
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
    const { status, json } = await send('POST', '/api/users', { id: '-', email: 'nonsense' });
    expect(status).toBe(400);
    expect(json.reason).toBe('INVALID_FIELD');
    expect(json.violations.map(({ field }: { field: string }) => field)).toEqual(['user.id', 'user.email']);
  });

  it.each([
    ['an unknown path', 'GET', '/api/nothing', 404, 'PATH_NOT_FOUND'],
    ['a slash at the end', 'GET', '/api/users/', 404, 'PATH_NOT_FOUND'],
    ['a malformed escape', 'GET', '/api/users/%zz', 400, 'INVALID_FIELD'],
    ['another method', 'PUT', '/api/users/ada', 405, 'METHOD_NOT_ALLOWED'],
  ])('of %s is a problem', async (_, method, path, status, reason) => {
    const refused = await send(method, path);
    expect(refused).toMatchObject({ status, json: { status, reason } });
    expect(refused.headers.get('allow')).toBe(status === 405 ? 'DELETE,GET,HEAD,PATCH' : null);
  });

  it.each([
    ['a body that is not JSON', 'text/plain', 'hello', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['another charset', 'application/json; charset=latin1', '{}', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['JSON with a fault', 'application/json', '{', 400, 'INVALID_FIELD'],
    ['more than 4 MiB', 'application/json', `"${'a'.repeat(4 * 1024 * 1024)}"`, 413, 'BODY_TOO_LARGE'],
  ])('of %s is a problem', async (_, type, body, status, reason) => {
    const refused = await send('POST', '/api/users', body, { 'content-type': type });
    expect(refused).toMatchObject({ status, json: { status, reason } });
  });
});
