import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { userService } from '../../services/user/service.ts';
import { type SentRequest, send as sendTo } from './support/http.ts';

const noPage = "default-src 'none'; frame-ancestors 'none'";

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh([userService, edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
  await send('POST', '/api/users', { body: { id: 'ada', name: 'Ada', email: 'ada@example.com' } });
});

afterAll(() => mesh.stop());

const send = (method: string, path: string, parts?: SentRequest) => sendTo(mesh.httpAddress ?? '', method, path, parts);
const getUser = '/user.v1.UserService/GetUser';

describe('the headers for browsers', () => {
  it.each<[string, string, string, SentRequest, number, string]>([
    ['a read', 'GET', '/api/users/ada', {}, 200, 'private, no-cache'],
    ['304', 'GET', '/api/users/ada', { headers: { 'if-none-match': '*' } }, 304, 'private, no-cache'],
    ['a change', 'PATCH', '/api/users/ada', { body: { name: 'Eve' } }, 200, 'no-store'],
    ['a list', 'GET', '/api/users', {}, 200, 'no-store'],
    ['events', 'GET', '/api/users', { headers: { accept: 'text/event-stream' } }, 200, 'no-store'],
    ['Connect', 'POST', getUser, { body: { id: 'ada' } }, 200, 'no-store'],
    ['a refusal of Connect', 'POST', getUser, { body: { id: 'nobody' } }, 404, 'no-store'],
    ['an invalid request', 'POST', '/api/users', { body: {} }, 400, 'no-store'],
    ['an unknown path', 'GET', '/nothing', {}, 404, 'no-store'],
    ['a wrong method', 'PUT', '/api/users/ada', {}, 405, 'no-store'],
    ['an unknown method', 'PROPFIND', '/api/users/ada', {}, 405, 'no-store'],
    ['a foreign page', 'DELETE', '/api/users/ada', { headers: { origin: 'https://evil.example' } }, 403, 'no-store'],
    ['an absent service', 'GET', '/api/orders/1', {}, 503, 'no-store'],
    ['health', 'GET', '/api/health', {}, 200, 'no-store'],
    ['OpenAPI', 'GET', '/api/openapi.json', {}, 200, 'private, no-cache'],
    ['a script of the docs', 'GET', '/api/docs/initializer.js', {}, 200, 'no-cache'],
  ])('are in the answer to %s', async (_, method, path, parts, status, caching) => {
    const answer = await send(method, path, parts);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      'cache-control': caching,
      'content-security-policy': noPage,
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
    expect(answer.headers).not.toHaveProperty('server');
    expect(answer.headers).not.toHaveProperty('x-powered-by');
  });

  it('are in the answer to what is no request', async () => {
    const [host, port] = (mesh.httpAddress ?? '').split(':');
    const socket = connect({ host, port: Number(port) });
    await once(socket, 'connect');
    socket.write('nonsense\r\n\r\n');
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    for (const line of [
      `content-security-policy: ${noPage}`,
      'cache-control: no-store',
      'x-content-type-options: nosniff',
    ]) {
      expect(answer).toContain(`\r\n${line}\r\n`);
    }
  });

  it('allow the page of the docs what it needs, and no frame', async () => {
    const { headers } = await send('GET', '/api/docs');
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' });
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'self';.*frame-ancestors 'none'$/,
    );
  });
});
