import { readFileSync } from 'node:fs';
import { createFileRegistry, type DescMethod, fromBinary, fromJson, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import { contractDescriptors } from '../../contract/declared-services.ts';
import { compileCursor } from './cursor.ts';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(contractDescriptors)));

function methodOf(path: string): DescMethod {
  const [service = '', name] = path.split('/');
  const method = registry.getService(service)?.methods.find((each) => each.name === name);
  if (method === undefined) throw new Error(`no method ${path}`);
  return method;
}

/** Resumes a request, in JSON. Returns the request as it is then, and the ids of further messages. */
function resume(path: string, request: object, lastEventId: string | undefined, ...messages: object[]) {
  const method = methodOf(path);
  const message = fromJson(method.input, request as never);
  const { isComplete, idOf } = compileCursor(method, registry)(message, lastEventId);
  const ids = messages.map((each) => idOf(fromJson(method.output, each as never)));
  return { isComplete, ids, request: toJson(method.input, message) };
}

const users = 'user.v1.UserService/ListUsers';
const accountEvents = 'payment.v1.AccountService/ListAccountEvents';
const events = 'events.v1.EventService/Subscribe';

describe('the cursor of a stream', () => {
  it.each([
    ['a listing', users, { role: 'a' }, 'ada', { role: 'a', afterId: 'ada' }],
    [
      'one of numbers',
      accountEvents,
      { accountId: 'ada' },
      '9007199254740993',
      { accountId: 'ada', afterVersion: '9007199254740993' },
    ],
    ['a watch', 'order.v1.OrderService/WatchOrder', { id: 'o' }, '3', { id: 'o', afterEtag: '3' }],
    [
      'a subscription',
      events,
      { topic: 't', start: 'START_BEGINNING' },
      '0=18,1=4',
      { topic: 't', position: '0=18,1=4' },
    ],
  ])('continues %s after the last id', (_, path, request, id, resumed) => {
    expect(resume(path, request, id)).toMatchObject({ request: resumed, isComplete: false });
  });

  it('leaves a request without the header as it is', () => {
    for (const id of [undefined, '']) expect(resume(users, { afterId: 'ada' }, id).request).toEqual({ afterId: 'ada' });
  });

  it('counts for more than the start in the request, which is from when the stream was new', () => {
    expect(resume(users, { afterId: 'ada' }, 'bob').request).toEqual({ afterId: 'bob' });
  });

  it('has the id of each message', () => {
    expect(resume(users, {}, undefined, { id: 'ada' }, { id: 'bob' }).ids).toEqual(['ada', 'bob']);
    expect(resume(accountEvents, {}, undefined, { version: '7' }).ids).toEqual(['7']);
  });

  it('has an empty id of a message that has none', () => {
    expect(resume(users, {}, undefined, {}).ids).toEqual(['']);
    expect(resume(users, { limit: 2 }, undefined, {}).ids).toEqual(['']);
  });

  it('counts against the limit of a request', () => {
    expect(resume(users, { limit: 5 }, undefined, { id: 'ada' }, { id: 'bob' }).ids).toEqual(['ada;1', 'bob;2']);
    expect(resume(users, { limit: 5 }, 'bob;2', { id: 'eve' })).toEqual({
      isComplete: false,
      ids: ['eve;3'],
      request: { afterId: 'bob', limit: 3 },
    });
  });

  it.each(['eve;5', 'eve;6'])('is complete after %s of five messages', (id) => {
    expect(resume(users, { limit: 5 }, id).isComplete).toBe(true);
  });

  it('ignores the count in an id if the request has no limit', () => {
    expect(resume(users, {}, 'bob;2')).toMatchObject({ request: { afterId: 'bob' }, isComplete: false });
  });

  it.each(['a;b', 'ä', 'a%b', 'a b', '💶', 'a\nb'])('escapes what %j has and a header cannot', (id) => {
    const [escaped] = resume(users, { limit: 3 }, undefined, { id }).ids;
    expect(escaped).toMatch(/^[!-~]+;1$/);
    expect(resume(users, { limit: 3 }, escaped).request).toEqual({ afterId: id, limit: 2 });
  });

  it.each([
    [users, ';1'],
    [users, 'a;'],
    [users, 'a;b'],
    [users, '%zz'],
    [users, 'ä'],
    [users, 'a b'],
    [users, 'a;12345678901'],
    [accountEvents, 'ada'],
    [accountEvents, '-1'],
    [accountEvents, '1.5'],
    [accountEvents, '9223372036854775808'],
    ['report.v1.OrderReportService/ListBestSellers', 'a'],
  ])('refuses for %s the id %j', (path, id) => {
    expect(() => resume(path, {}, id)).toThrow(
      expect.objectContaining({
        reason: 'INVALID_HEADER',
        violations: [{ field: 'Last-Event-ID', description: expect.any(String) }],
      }),
    );
  });
});
