import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { create, createFileRegistry, fromBinary, fromJson, type JsonObject, type Message } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { contractDescriptors } from '../../contract/declared-services.ts';
import { readPolicy } from '../../contract/policy/policy.ts';
import { staleEtag } from '../../errors/errors.ts';
import { requestIdReused } from '../../idempotency/errors.ts';
import { runInScope } from '../../telemetry/call-scope.ts';
import { readHttpRoutes } from '../rules/http-routes.ts';
import { KeysInUse } from './keys-in-use.ts';
import { compileSemantics } from './semantics.ts';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(contractDescriptors)));
const routes = readHttpRoutes(registry);
const emptyScope = { requestId: 'r', traceparent: '', deadlineMs: undefined, signal: undefined };
const uuid = '01890a5d-ac96-774b-bcce-b302099a8057';

function routeOf(name: string) {
  const route = routes.find(({ method }) => method.name === name);
  if (route === undefined) throw new Error(`${name} has no route`);
  return route;
}

/** Reads the headers of a request of a method. */
function begin(name: string, json: JsonObject, headers: IncomingHttpHeaders, keys = new KeysInUse()) {
  const route = routeOf(name);
  const { method } = route;
  const path = `/${method.parent.typeName}/${method.name}`;
  const semantics = compileSemantics(route, { path, policy: readPolicy(method, registry) }, keys);
  const request = fromJson(method.input, json);
  return { request, exchange: semantics.begin(request, headers), semantics };
}

/** What is called for a request, with the etags of its calls. The service has the version `current`. */
async function etagsOf(name: string, json: JsonObject, headers: IncomingHttpHeaders, current: string) {
  const { exchange } = begin(name, json, headers);
  const seen: string[] = [];
  const etagIn = (message: Message): string => {
    const user: unknown = Reflect.get(message, 'user');
    return Reflect.get(typeof user === 'object' && user !== null ? user : message, 'etag') as string;
  };
  const outcome = await exchange
    .run(async (request) => {
      const etag = etagIn(request);
      seen.push(etag);
      if (etag !== '' && etag !== current) throw staleEtag({ thing: 'user', id: 'ada', etag });
      return request;
    })
    .then(
      () => 'changed',
      (error) => error.reason as string,
    );
  return { seen, outcome, isIfMatch: exchange.isIfMatch };
}

describe('the Idempotency-Key of a change', () => {
  const deposit = { accountId: 'ada' };

  it('becomes its request_id, and is repeated in the answer', () => {
    const { request, exchange } = begin('Deposit', deposit, { 'idempotency-key': `"${uuid}"` });
    expect(request).toMatchObject({ accountId: 'ada', requestId: uuid });
    expect(exchange.headers).toEqual({ 'idempotency-key': `"${uuid}"` });
  });

  it('may be a request_id in the body instead, or as well', () => {
    expect(begin('Deposit', { ...deposit, requestId: uuid }, {}).request).toMatchObject({ requestId: uuid });
    const both = begin('Deposit', { ...deposit, requestId: uuid.toUpperCase() }, { 'idempotency-key': uuid });
    expect(both.request).toMatchObject({ requestId: uuid });
  });

  it('must not differ from a request_id in the body', () => {
    const request = { ...deposit, requestId: uuid };
    for (const key of ['another', uuid.replace('0', '1')]) {
      expect(() => begin('Deposit', request, { 'idempotency-key': key })).toThrow(
        expect.objectContaining({
          reason: 'HEADER_CONTRADICTS_BODY',
          violations: [{ field: 'request_id', description: expect.any(String) }],
        }),
      );
    }
  });

  it.each(['PlaceOrder', 'Deposit', 'Withdraw', 'AdjustStock'])('is required by %s', (name) => {
    expect(() => begin(name, {}, {})).toThrow(expect.objectContaining({ reason: 'IDEMPOTENCY_KEY_MISSING' }));
    expect(begin(name, {}, { 'idempotency-key': 'a' }).exchange.headers).toEqual({ 'idempotency-key': 'a' });
  });

  it('is not required by other changes, and ignored by reads', () => {
    expect(begin('CreateUser', {}, {}).request).toMatchObject({ requestId: '' });
    const { request, exchange } = begin('GetUser', { id: 'ada' }, { 'idempotency-key': 'not, a, key' });
    expect([request, exchange.headers]).toEqual([create(routeOf('GetUser').method.input, { id: 'ada' }), {}]);
  });

  it('has one request in progress at a time, for each method', async () => {
    const keys = new KeysInUse();
    const headers = { 'idempotency-key': 'a' };
    const held = Promise.withResolvers<void>();
    const answer = (request: Message) => held.promise.then(() => request);
    const first = begin('Deposit', deposit, headers, keys).exchange.run(answer);
    await expect(begin('Deposit', deposit, headers, keys).exchange.run(answer)).rejects.toMatchObject({
      reason: 'IDEMPOTENCY_KEY_IN_USE',
      retryAfterMs: 1_000,
    });
    const other = begin('Withdraw', deposit, headers, keys).exchange.run(answer);
    const otherKey = begin('Deposit', deposit, { 'idempotency-key': 'b' }, keys).exchange.run(answer);
    held.resolve();
    await Promise.all([first, other, otherKey]);
    await begin('Deposit', deposit, headers, keys).exchange.run(answer);
  });

  it('in progress is that of one user', async () => {
    const [keys, held] = [new KeysInUse(), Promise.withResolvers<void>()];
    const deposited = (subject: string) => {
      const scope = { ...emptyScope, caller: { service: undefined, subject, roles: [] } };
      const { exchange } = begin('Deposit', deposit, { 'idempotency-key': 'a' }, keys);
      return runInScope(scope, () => exchange.run((request) => held.promise.then(() => request)));
    };
    const both = [deposited('ada'), deposited('bob')];
    await expect(deposited('ada')).rejects.toMatchObject({ reason: 'IDEMPOTENCY_KEY_IN_USE' });
    held.resolve();
    await Promise.all(both);
  });

  it('is free again after a failure', async () => {
    const keys = new KeysInUse();
    const fail = () => Promise.reject(new Error('lost'));
    for (const _ of [1, 2]) {
      const { exchange } = begin('Deposit', deposit, { 'idempotency-key': 'a' }, keys);
      await expect(exchange.run(fail)).rejects.toThrow('lost');
    }
  });
});

describe('the If-Match of a change', () => {
  const update = (etag?: string) => ({ user: { id: 'ada', ...(etag && { etag }) } });

  it.each([
    ['UpdateUser', update()],
    ['DeleteUser', { id: 'ada' }],
  ])('is the etag of %s', async (name, json) => {
    expect(await etagsOf(name, json, { 'if-match': '"7"' }, '7')).toEqual({
      seen: ['7'],
      outcome: 'changed',
      isIfMatch: true,
    });
    expect(await etagsOf(name, json, { 'if-match': '"6"' }, '7')).toEqual({
      seen: ['6'],
      outcome: 'STALE_ETAG',
      isIfMatch: true,
    });
  });

  it('is any version for *, and without it', async () => {
    for (const headers of [{}, { 'if-match': '*' }]) {
      expect(await etagsOf('UpdateUser', update(), headers, '7')).toEqual({
        seen: [''],
        outcome: 'changed',
        isIfMatch: false,
      });
    }
  });

  it('leaves the etag of the body as it is for *, or for the same tag', async () => {
    for (const header of ['*', '"7"', '"6", "7"']) {
      expect(await etagsOf('UpdateUser', update('7'), { 'if-match': header }, '7')).toMatchObject({ seen: ['7'] });
    }
  });

  it('must not contradict the etag of the body', () => {
    expect(() => begin('UpdateUser', update('7'), { 'if-match': '"6"' })).toThrow(
      expect.objectContaining({
        reason: 'HEADER_CONTRADICTS_BODY',
        violations: [expect.objectContaining({ field: 'user.etag' })],
      }),
    );
  });

  it('of several tags makes the change with the one that is not stale', async () => {
    const ifOneOf = (tags: string) => etagsOf('UpdateUser', update(), { 'if-match': tags }, '7');
    expect(await ifOneOf('"5", "6", "7", "8"')).toMatchObject({ seen: ['5', '6', '7'], outcome: 'changed' });
    expect(await ifOneOf('"5", W/"7", "6"')).toMatchObject({ seen: ['5', '6'], outcome: 'STALE_ETAG' });
  });

  it('of several tags finds the first answer of a repeated request', async () => {
    const { exchange } = begin('UpdateUser', update(), { 'if-match': '"5", "7"', 'idempotency-key': 'a' });
    const answered = await exchange.run(async (request) => {
      // It was made with "7" before, so with "5" it is another payload.
      const { etag } = Reflect.get(request, 'user') as { readonly etag: string };
      if (etag === '5') throw requestIdReused({ method: 'UpdateUser', requestId: 'a' });
      return request;
    });
    expect(answered).toMatchObject({ user: { etag: '7' } });
  });

  it.each([
    ['a weak tag', 'UpdateUser', { 'if-match': 'W/"7"' }],
    ['an empty tag', 'UpdateUser', { 'if-match': '""' }],
    ['a tag for a method without etag', 'CancelOrder', { 'if-match': '"7"' }],
    ['a tag for a method that creates', 'CreateUser', { 'if-match': '"7"' }],
    ['If-None-Match', 'UpdateUser', { 'if-none-match': '*' }],
  ])('never holds for %s', (_, name, headers) => {
    const request = name === 'UpdateUser' ? update() : {};
    expect(() => begin(name, request, headers)).toThrow(expect.objectContaining({ reason: 'PRECONDITION_FAILED' }));
  });

  it('has at most 10 tags', async () => {
    const tags = (count: number) => Array.from({ length: count }, (_, index) => `"${index}"`).join();
    expect(await etagsOf('UpdateUser', update(), { 'if-match': tags(10) }, '9')).toMatchObject({ outcome: 'changed' });
    expect(() => begin('UpdateUser', update(), { 'if-match': tags(11) })).toThrow('at most 10 tags');
  });
});

describe('the validators of a read', () => {
  const user = (etag: string) => create(routeOf('GetUser').method.output, { etag } as Record<string, unknown>);
  const validated = (headers: IncomingHttpHeaders, etag = '7') =>
    begin('GetUser', { id: 'ada' }, headers).exchange.validate(user(etag));

  it('are the etag of the answer, and whether the caller has it already', () => {
    expect(validated({})).toEqual({ etag: '7', isNotModified: false });
    expect(validated({ 'if-none-match': 'W/"7"' })).toEqual({ etag: '7', isNotModified: true });
    expect(validated({ 'if-none-match': '"7"' }, '8')).toEqual({ etag: '8', isNotModified: false });
    expect(validated({ 'if-none-match': '*' })).toEqual({ etag: '7', isNotModified: true });
  });

  it('are compared with If-Match too', () => {
    expect(validated({ 'if-match': '"7"' })).toMatchObject({ isNotModified: false });
    expect(validated({ 'if-match': '*' })).toMatchObject({ isNotModified: false });
    expect(() => validated({ 'if-match': 'W/"7"' })).toThrow(
      expect.objectContaining({ reason: 'PRECONDITION_FAILED' }),
    );
  });
});

describe('the timeout of a call', () => {
  it('is that of the header, or of the method', () => {
    const { semantics } = begin('GetUser', { id: 'ada' }, {});
    expect(semantics.timeoutMs({})).toBe(5_000);
    expect(semantics.timeoutMs({ 'request-timeout': '0.25' })).toBe(250);
    expect(semantics.timeoutMs({ 'request-timeout': '1000' })).toBe(300_000);
  });

  it('may be a day for a stream, which has none of its own', () => {
    const { semantics } = begin('WatchOrder', { id: 'a' }, {});
    expect(semantics.timeoutMs({})).toBeUndefined();
    expect(semantics.timeoutMs({ 'request-timeout': '999999' })).toBe(86_400_000);
  });
});
