import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { setInterval } from 'node:timers/promises';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MeshError } from '../../mesh/errors/mesh-error.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { get, listing, open, startListing, untilAborted, userOf } from './support/listing.ts';

const array = 'application/json';
const lines = 'application/x-ndjson';
const sse = 'text/event-stream';

const lost = new MeshError(Status.DATA_LOSS, 'PARTITION_UNREADABLE', 'the rest is lost');
const fail = () => Promise.reject(lost);

/** A listing of two users that fails once its client has them, and what the client has to call. */
function failing() {
  const { promise: arrived, resolve } = Promise.withResolvers<void>();
  const received = (text: string) => {
    if (text.includes('"id":"u2"')) resolve();
  };
  return { listUsers: listing(2, () => arrived.then(fail)), received };
}

describe('a stream over HTTP', () => {
  it.each([
    ['*/*', array],
    [array, array],
    [lines, lines],
    ['application/jsonl', 'application/jsonl'],
    [sse, sse],
    ['text/html, application/json;q=0.5, application/x-ndjson;q=0.9', lines],
  ])('that accepts %s is %s', async (accept, type) => {
    const { address } = await startListing(listing(2));
    const { status, headers, text } = await get(address, '/api/users', { accept });
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': type, 'transfer-encoding': 'chunked' });
    expect(text.match(/"id":"u\d"/g)).toEqual(['"id":"u1"', '"id":"u2"']);
  });

  it('is refused if it accepts no format of a stream', async () => {
    const { address, seen } = await startListing(listing(2));
    const { status, text } = await get(address, '/api/users', { accept: 'text/html' });
    expect(status).toBe(406);
    expect(JSON.parse(text).reason).toBe('NOT_ACCEPTABLE');
    expect(seen.requests).toEqual([]);
  });

  it.each([array, lines, sse])('is a problem with its status if it fails before a message, as %s', async (accept) => {
    const { address } = await startListing(listing(0, fail));
    const { status, headers, text } = await get(address, '/api/users', { accept });
    expect({ status, type: headers['content-type'] }).toEqual({ status: 500, type: 'application/problem+json' });
    expect(JSON.parse(text).reason).toBe('PARTITION_UNREADABLE');
  });

  it('ends with the problem as a last line', async () => {
    const { listUsers, received } = failing();
    const { address } = await startListing(listUsers);
    const headers = { accept: lines, 'x-request-id': 'req-1' };
    const { status, text } = await get(address, '/api/users', headers, received);
    expect(status).toBe(200);
    const error = { reason: 'PARTITION_UNREADABLE', status: 500, request_id: 'req-1' };
    const messages = text.trimEnd().split('\n');
    expect(messages.map((line) => JSON.parse(line))).toMatchObject([{ id: 'u1' }, { id: 'u2' }, { error }]);
  });

  it('ends with the problem as a last event', async () => {
    const { listUsers, received } = failing();
    const { address } = await startListing(listUsers);
    const { text } = await get(address, '/api/users', { accept: sse }, received);
    expect(text).toMatch(/\n\nid: u2\ndata: \{"id":"u2",.*\}\n\nevent: error\ndata: \{"type":"urn:.*LE".*\}\n\n$/);
  });

  it('is cut off as a JSON array, so no client takes a part for all', async () => {
    const { listUsers, received } = failing();
    const { address } = await startListing(listUsers);
    await expect(get(address, '/api/users', {}, received)).rejects.toThrow('aborted');
  });

  it.each(['identity', 'gzip'])('is reset as a JSON array over HTTP/2, with %s', async (coding) => {
    const { promise: arrived, resolve } = Promise.withResolvers<unknown>();
    const { address } = await startListing(listing(2, () => arrived.then(fail)));
    const session = connect(`http://${address}`);
    onTestFinished(() => session.destroy());
    const stream = session.request({ ':path': '/api/users', 'accept-encoding': coding });
    stream.once('data', resolve);
    await expect(text(stream)).rejects.toThrow('NGHTTP2_INTERNAL_ERROR');
  });

  it.each([array, lines, sse])('has its head within a second while it is silent, as %s', async (accept) => {
    const { address } = await startListing(listing(0, untilAborted));
    const startMs = performance.now();
    const response = await open(address, '/api/users', { accept });
    // A busy machine gets more time. The first heartbeat would come after 15 s.
    expect(performance.now() - startMs).toBeLessThan(5_000);
    expect(response.statusCode).toBe(200);
  });

  it.each([
    [lines, 'gzip'],
    [array, 'gzip'],
    [lines, 'identity'],
  ])('brings each message as it comes, as %s with %s', async (accept, coding) => {
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { address } = await startListing(listing(1, () => released));
    const response = await fetch(`http://${address}/api/users`, { headers: { accept, 'accept-encoding': coding } });
    expect(response.headers.get('content-encoding')).toBe(coding === 'gzip' ? 'gzip' : null);
    for await (const chunk of response.body ?? []) if (Buffer.from(chunk).includes('u1')) release();
  });

  it.each([array, lines, sse])('ends its call when its client leaves, as %s', async (accept) => {
    const { address, seen } = await startListing(listing(1, untilAborted));
    const response = await open(address, '/api/users', { accept });
    await once(response, 'data');
    response.destroy();
    await eventually(() => expect(seen.cancelled).toBe(1));
  });

  it.each([array, lines, sse])('has no body to HEAD, and ends its call, as %s', async (accept) => {
    const { address, seen } = await startListing(listing(1, untilAborted));
    const response = await open(address, '/api/users', { accept }, 'HEAD');
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe(accept);
    expect(await response.toArray()).toEqual([]);
    await eventually(() => expect(seen.cancelled).toBe(1));
  });

  it.each(['identity', 'gzip'])('stops its service while its client does not read, with %s', async (coding) => {
    const all = 3_000;
    let made = 0;
    const { address } = await startListing(async function* () {
      // Random, so it is as large when it is compressed.
      for (; made < all; made++) yield userOf(`u${made}-${randomBytes(8_000).toString('base64url')}`);
    });
    const response = await open(address, '/api/users', { accept: lines, 'accept-encoding': coding });
    response.pause();
    let before = -1;
    const hasStopped = () => {
      const last = before;
      before = made;
      expect(made).toBe(last);
    };
    await eventually(hasStopped, { intervalMs: 200 });
    expect(made).toBeLessThan(all / 2);
    response.resume();
    await once(response, 'end');
    expect(made).toBe(all);
  });
});

describe('a stream that is resumed over HTTP', () => {
  it('continues after the last id', async () => {
    const { address, seen } = await startListing(listing(1));
    await get(address, '/api/users?role=a&afterId=x', { accept: sse, 'last-event-id': 'u7' });
    await get(address, '/api/users?limit=9', { accept: sse, 'last-event-id': 'u7;4' });
    expect(seen.requests).toMatchObject([
      { role: 'a', afterId: 'u7', limit: 0 },
      { afterId: 'u7', limit: 5 },
    ]);
  });

  it('makes no call if its client has all that it wants', async () => {
    const { address, seen } = await startListing(listing(1));
    const { text } = await get(address, '/api/users?limit=4', { accept: sse, 'last-event-id': 'u7;4' });
    expect(text).toBe('retry: 1000\nid: u7;4\n\nevent: end\ndata: {}\n\n');
    expect(seen.requests).toEqual([]);
  });

  it('is refused with an id that is none of it', async () => {
    const { address } = await startListing(listing(1));
    const { status, text } = await get(address, '/api/users', { accept: sse, 'last-event-id': 'a;b' });
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ reason: 'INVALID_HEADER', violations: [{ field: 'Last-Event-ID' }] });
  });

  it('is refused with the name of the header if its service does not take the id', async () => {
    const description = 'does not match the pattern';
    const { address } = await startListing(
      listing(0, () =>
        Promise.reject(
          new MeshError(Status.INVALID_ARGUMENT, 'INVALID_REQUEST', 'after_id is wrong', {
            violations: [{ field: 'after_id', description }],
          }),
        ),
      ),
    );
    const violationsOf = async (path: string, headers: Record<string, string>) =>
      JSON.parse((await get(address, path, { accept: sse, ...headers })).text).violations;
    expect(await violationsOf('/api/users', { 'last-event-id': 'u7' })).toEqual([
      { field: 'Last-Event-ID', description },
    ]);
    expect(await violationsOf('/api/users?after_id=u7', {})).toEqual([{ field: 'after_id', description }]);
  });

  it.each([array, lines])('starts as its request says if it is not of events, as %s', async (accept) => {
    const { address, seen } = await startListing(listing(1));
    const { status } = await get(address, '/api/users?after_id=x', { accept, 'last-event-id': 'a;b' });
    expect(status).toBe(200);
    expect(seen.requests).toMatchObject([{ afterId: 'x' }]);
  });
});

describe('a stream over HTTP during a drain', () => {
  it.each([lines, sse])('ends with SERVER_DRAINING if it is idle, as %s', async (accept) => {
    const { address, stop } = await startListing(listing(1, untilAborted), { DRAIN_TIMEOUT_MS: '20000' });
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const answered = get(address, '/api/users', { accept }, () => resolve());
    const startMs = performance.now();
    await begun;
    const stopped = stop();
    const { text } = await answered;
    expect(text).toContain('"id":"u1"');
    expect(text).toContain('"reason":"SERVER_DRAINING"');
    await stopped;
    expect(performance.now() - startMs).toBeLessThan(10_000);
  });

  it('is finished if it is busy', async () => {
    // Three seconds of messages: longer than an idle stream has.
    const [all, messageMs] = [60, 50];
    const { address, seen, stop } = await startListing(
      async function* () {
        let id = 0;
        for await (const _ of setInterval(messageMs)) {
          id += 1;
          yield userOf(`u${id}`);
          if (id === all) return;
        }
      },
      { DRAIN_TIMEOUT_MS: '20000' },
    );
    const answered = get(address, '/api/users', { accept: lines });
    await eventually(() => expect(seen.requests).toHaveLength(1));
    const stopped = stop();
    const { text } = await answered;
    expect(text.trimEnd().split('\n')).toHaveLength(all);
    await stopped;
  });
});
