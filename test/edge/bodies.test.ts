import { once } from 'node:events';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { userService } from '../../services/user/service.ts';
import { send } from './support/http.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await startMesh([userService, edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
  const body = { id: 'ada', name: 'Ada', email: 'ada@example.com' };
  expect(await send(mesh.httpAddress ?? '', 'POST', '/api/users', { body })).toMatchObject({ status: 200 });
});

afterAll(() => mesh.stop());

/** Sends a request over HTTP/2. Its head does not say whether it has a body. */
async function sendHttp2(method: string, path: string, body?: string) {
  const session = connect(`http://${mesh.httpAddress}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':method': method, ':path': path }, { endStream: false });
  const answered = once(stream, 'response');
  stream.end(body);
  const [headers] = await answered;
  return { code: headers[':status'], json: JSON.parse(await text(stream)) };
}

describe('a body of no type over HTTP/2', () => {
  const body = JSON.stringify({ name: 'Lost' });

  it('is refused, and not left out', async () => {
    const { code, json } = await sendHttp2('PATCH', '/api/users/ada', body);
    expect({ code, reason: json.reason }).toEqual({ code: 415, reason: 'UNSUPPORTED_MEDIA_TYPE' });
  });

  it.each(['GET', 'DELETE'])('is refused if %s takes none', async (method) => {
    const { code, json } = await sendHttp2(method, '/api/users/ada', body);
    expect({ code, violations: json.violations }).toMatchObject({ code: 400, violations: [{ field: 'body' }] });
    expect((await send(mesh.httpAddress ?? '', 'GET', '/api/users/ada')).status).toBe(200);
  });

  it.each(['GET', 'PATCH'])('is none if it has no bytes, to %s', async (method) => {
    const { code, json } = await sendHttp2(method, '/api/users/ada');
    expect({ code, id: json.id }).toEqual({ code: 200, id: 'ada' });
  });
});

describe('the type of a body', () => {
  it.each([
    ['application/json', 200],
    ['Application/JSON ; charset="UTF-8"', 200],
    ['application/json; charset=utf-8; charset=latin1', 415],
    ["application/json; charset*=utf-8''latin1", 415],
    ['application/json; charset=utf-16', 415],
    ['application/json; charset=', 415],
    ['application/json-patch+json', 415],
    ['application/json, text/plain', 415],
  ])('%s is answered with %i', async (type, status) => {
    const headers = { 'content-type': type };
    expect(
      await send(mesh.httpAddress ?? '', 'PATCH', '/api/users/ada', { headers, body: { name: 'Ada' } }),
    ).toMatchObject({
      status,
    });
  });
});
