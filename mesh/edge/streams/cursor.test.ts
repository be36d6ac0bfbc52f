import { readFileSync } from 'node:fs';
import { create, createFileRegistry, type DescMethod, fromBinary, fromJson, toJson } from '@bufbuild/protobuf';
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

/** Resumes a request, in JSON, and takes further messages. Returns their ids, and the requests before and after them. */
function resume(path: string, request: object, lastEventId?: string, ...messages: object[]) {
  const method = methodOf(path);
  const cursor = compileCursor(method, registry)(fromJson(method.input, request as never), lastEventId);
  const next = () => {
    const continued = cursor?.next();
    return continued && toJson(method.input, continued);
  };
  const first = next();
  const startId = cursor?.startId();
  const ids = messages.map((message) => {
    cursor?.take(fromJson(method.output, message as never));
    return cursor?.id();
  });
  return { cursor, startId, ids, request: first, next: next() };
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
    expect(resume(path, request, id)).toMatchObject({ request: resumed, startId: id });
  });

  it('leaves a request without the header as it is', () => {
    for (const id of [undefined, ''])
      expect(resume(users, { afterId: 'ada' }, id)).toMatchObject({ request: { afterId: 'ada' }, startId: '' });
  });

  it('counts for more than the start in the request, which is from when the stream was new', () => {
    expect(resume(users, { afterId: 'ada' }, 'bob').request).toEqual({ afterId: 'bob' });
  });

  it('has the id of each message, and continues after the last one', () => {
    const listed = resume(users, { role: 'a' }, undefined, { id: 'ada' }, { id: 'bob' });
    expect(listed).toMatchObject({ ids: ['ada', 'bob'], next: { role: 'a', afterId: 'bob' }, startId: '' });
    const numbered = resume(accountEvents, {}, undefined, { version: '7' });
    expect(numbered).toMatchObject({ ids: ['7'], next: { afterVersion: '7' } });
  });

  it('continues where the service said that the stream starts', () => {
    const { cursor } = resume(events, { topic: 't' });
    cursor?.startAt('0=3');
    expect(cursor?.startId()).toBe('0=3');
    expect(cursor?.next()).toMatchObject({ from: { case: 'position', value: '0=3' } });
  });

  it('has an empty id of a message that has none', () => {
    expect(resume(users, {}, undefined, {}).ids).toEqual(['']);
    expect(resume(users, { limit: 2 }, undefined, {}).ids).toEqual(['']);
  });

  it('counts against the limit of a request', () => {
    expect(resume(users, { limit: 5 }, undefined, { id: 'ada' }, { id: 'bob' })).toMatchObject({
      ids: ['ada;1', 'bob;2'],
      next: { afterId: 'bob', limit: 3 },
    });
    expect(resume(users, { limit: 5 }, 'bob;2', { id: 'eve' })).toMatchObject({
      startId: 'bob;2',
      request: { afterId: 'bob', limit: 3 },
      ids: ['eve;3'],
      next: { afterId: 'eve', limit: 2 },
    });
  });

  it('has nothing to continue after as many messages as the limit', () => {
    for (const id of ['eve;5', 'eve;6']) expect(resume(users, { limit: 5 }, id).request).toBeUndefined();
    expect(resume(users, { limit: 2 }, 'bob;1', { id: 'eve' })).toMatchObject({ ids: ['eve;2'], next: undefined });
  });

  it('ignores the count in an id if the request has no limit', () => {
    expect(resume(users, {}, 'bob;2', { id: 'eve' })).toMatchObject({ request: { afterId: 'bob' }, ids: ['eve'] });
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
    const violations = [{ field: 'Last-Event-ID', description: expect.any(String) }];
    expect(() => resume(path, {}, id)).toThrow(expect.objectContaining({ reason: 'INVALID_HEADER', violations }));
  });

  it('is there for each listing in the order of a key', () => {
    const methods = [...registry].filter((type) => type.kind === 'service').flatMap((service) => service.methods);
    const listings = methods.filter((method) => method.methodKind === 'server_streaming' && /^List/.test(method.name));
    expect(listings.length).toBeGreaterThan(10);
    const others = listings.filter((method) => !compileCursor(method, registry)(create(method.input), undefined));
    expect(others.map(({ name }) => name).toSorted()).toEqual(['ListBestSellers', 'ListProjections']);
  });
});
