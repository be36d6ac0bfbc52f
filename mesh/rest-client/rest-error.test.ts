import { inspect } from 'node:util';
import { ClientError, Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MeshError } from '../errors/mesh-error.ts';
import { toPublicError } from '../errors/public-error.ts';
import { freePort } from '../testing/servers/free-port.ts';
import { createServiceClient } from './create-service-client.ts';
import type { RestCallOptions, RestClient } from './rest-client.ts';
import { RestError } from './rest-error.ts';
import { type Answer, hang, hangUp, json, raw, startTestServer, type TestServer } from './testing/http-server.ts';

let server: TestServer;
let client: RestClient;
const token = 'tok-5d41402abc4b';

beforeAll(async () => {
  server = await startTestServer();
  const headers = { authorization: `Bearer ${token}`, cookie: 'session=7d793037a0' };
  client = createServiceClient(server.origin, { name: 'orders', maxAttempts: 1, headers });
});
afterAll(async () => {
  client.close();
  await server[Symbol.asyncDispose]();
});

async function failureOf(options?: RestCallOptions): Promise<RestError> {
  const failure = await client.get('/orders/1', options).catch((error: unknown) => error);
  if (failure instanceof RestError) return failure;
  throw new Error('it did not fail with a RestError', { cause: failure });
}

describe('the error of a REST call', () => {
  it('has all that a problem says', async () => {
    const problem = {
      type: 'urn:ordermesh:error:INVALID_FIELD',
      title: 'Bad Request',
      status: 400,
      detail: 'invalid request: id must be a UUID',
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_FIELD',
      metadata: { field: 'id', bad: 7 },
      violations: [{ field: 'id', description: 'must be a UUID' }, 'bad', { field: 'x' }],
      request_id: 'r-7',
      retry_after_ms: 1_500,
    };
    server.answer(json(400, problem, { 'content-type': 'application/problem+json' }));
    const failure = await failureOf();
    expect(failure).toBeInstanceOf(MeshError);
    expect(failure).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_FIELD',
      message: 'GET /orders/1: orders answered HTTP 400: invalid request: id must be a UUID',
      publicText: 'a service answered HTTP 400: check the request',
      metadata: { field: 'id' },
      violations: [{ field: 'id', description: 'must be a UUID' }],
      retryAfterMs: 1_500,
      method: 'GET',
      path: '/orders/1',
      status: 400,
      requestId: 'r-7',
      body: problem,
    });
  });

  it('has the request id of the header, and else the one that was sent', async () => {
    server.answer(json(404, {}, { 'x-request-id': 'r-8' }));
    expect(await failureOf()).toMatchObject({ requestId: 'r-8' });
    server.answer(hangUp);
    const { requestId } = await failureOf();
    expect(requestId).toBe(server.requests.at(-1)?.headers['x-request-id']);
  });

  it.each<[number, keyof typeof Status]>([
    [302, 'UNKNOWN'],
    [400, 'INVALID_ARGUMENT'],
    [401, 'UNAUTHENTICATED'],
    [403, 'PERMISSION_DENIED'],
    [404, 'NOT_FOUND'],
    [405, 'FAILED_PRECONDITION'],
    [409, 'ABORTED'],
    [412, 'ABORTED'],
    [422, 'INVALID_ARGUMENT'],
    [429, 'RESOURCE_EXHAUSTED'],
    [499, 'CANCELLED'],
    [500, 'INTERNAL'],
    [501, 'UNIMPLEMENTED'],
    [502, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
    [504, 'DEADLINE_EXCEEDED'],
    [599, 'INTERNAL'],
  ])('without a problem has the code for HTTP %i: %s', async (status, name) => {
    server.answer(raw(status, ''));
    const message = `GET /orders/1: orders answered HTTP ${status}`;
    expect(await failureOf()).toMatchObject({ status, code: Status[name], reason: name, message });
  });

  it.each<[string, Parameters<typeof raw>, string]>([
    ['a message in JSON', [500, '{"message":"disk full"}', { 'content-type': 'application/json' }], ': disk full'],
    ['a plain text', [500, 'disk\r\nfull\0', { 'content-type': 'text/plain' }], ': disk full'],
    ['nothing of a page', [502, '<html>Bad Gateway', { 'content-type': 'text/html' }], ''],
    ['nothing of broken JSON', [500, '{"message', { 'content-type': 'application/json' }], ''],
    ['nothing of other types', [500, '{"message":7}', { 'content-type': 'application/json' }], ''],
    ['at most 1,000 bytes', [500, '€'.repeat(9_999), { 'content-type': 'text/plain' }], `: ${'€'.repeat(332)}…`],
  ])('says %s', async (_, [status, body, headers], said) => {
    server.answer(raw(status, body, headers));
    expect((await failureOf()).message).toBe(`GET /orders/1: orders answered HTTP ${status}${said}`);
  });

  it('holds a bounded part of a problem of any size', async () => {
    const long = 'x'.repeat(2_000);
    const metadata = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`${index}${long}`, long]));
    const violations = Array.from({ length: 300 }, () => ({ field: long, description: long }));
    server.answer(json(400, { detail: long, metadata, violations, request_id: long }));
    const failure = await failureOf();
    expect(failure.message.length).toBeLessThan(1_100);
    expect(failure.requestId).toHaveLength(126);
    expect(JSON.stringify(failure.metadata).length).toBeLessThan(20_000);
    expect(JSON.stringify(failure.violations).length).toBeLessThan(170_000);
  });

  it('ignores what only looks like a code or a reason', async () => {
    for (const fake of ['OK', 'toString', '__proto__', 5, null, 'not found']) {
      server.answer(json(404, { code: fake, reason: fake }));
      expect(await failureOf()).toMatchObject({ code: Status.NOT_FOUND });
    }
  });

  it.each<[string, Answer]>([
    [
      'sends them back',
      (response, request) => json(500, { detail: JSON.stringify(request.headers) })(response, request),
    ],
    [
      'sends them back in all parts of a problem',
      (response, request) => {
        const { authorization = '', cookie = '' } = request.headers;
        const metadata = { authorization, [cookie]: 'cookie' };
        const violations = [{ field: authorization, description: cookie }];
        json(503, { metadata, violations, request_id: authorization })(response, request);
      },
    ],
    ['sends them back as the request id', json(500, {}, { 'x-request-id': token })],
    ['hangs up', hangUp],
    ['redirects elsewhere', raw(307, '', { location: 'http://other.example/' })],
    ['answers with a page', raw(200, '<html>', { 'content-type': 'text/html' })],
  ])('has no credentials, also not in its cause, when the server %s', async (_, answer) => {
    server.answer(answer);
    const failure = await failureOf();
    const texts = [inspect(failure, { depth: 9, showHidden: false }), JSON.stringify(failure), failure.stack ?? ''];
    for (const text of texts) {
      expect(text).not.toContain(token);
      expect(text).not.toContain('7d793037a0');
    }
  });

  it('says why nothing was sent, without an address for the own callers', async () => {
    const gone = createServiceClient(`http://127.0.0.1:${await freePort()}`, { name: 'orders', maxAttempts: 1 });
    const failure = await gone.get('/a').catch((error: unknown) => error);
    gone.close();
    expect(failure).toMatchObject({
      code: Status.UNAVAILABLE,
      reason: 'SERVER_UNREACHABLE',
      message: 'GET /a: orders cannot be reached (ECONNREFUSED): check its address and whether it runs',
      publicText: 'a service cannot be reached: call again later',
    });
  });

  it('is not passed on to the own caller if it is a refusal', async () => {
    const call = { path: '/a', requestId: 'r-1', expired: false };
    const log = { error: () => undefined };
    server.answer(json(404, {}));
    const refusal = await failureOf();
    expect(refusal instanceof ClientError).toBe(true);
    expect(toPublicError(refusal, call, log)).toMatchObject({ code: Status.INTERNAL });
    server.answer(json(503, {}));
    expect(toPublicError(await failureOf(), call, log)).toMatchObject({ code: Status.UNAVAILABLE });
    server.answer(hang);
    const late = await failureOf({ deadline: Date.now() + 50 });
    expect(toPublicError(late, call, log)).toMatchObject({ code: Status.DEADLINE_EXCEEDED });
  });
});
