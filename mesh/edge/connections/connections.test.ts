import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import { http2Frame } from '../../testing/http2-frame.ts';
import { startServer } from '../testing/test-server.ts';
import { inPieces } from './in-pieces.ts';
import { httpPatience } from './patience.ts';

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const settings = http2Frame(4, 0, 0);
const get = 'GET /a HTTP/1.1\r\nhost: x\r\n\r\n';

/** Sends `bytes` every 20 ms until the connection closes. Returns how long that took. */
async function drip(socket: Socket, bytes: string | Uint8Array): Promise<number> {
  const startMs = performance.now();
  const timer = setInterval(() => socket.writable && socket.write(bytes), 20);
  await once(socket, 'close');
  clearInterval(timer);
  return performance.now() - startMs;
}

describe('a limit of connections', () => {
  const reasonOf = (answer: string) => JSON.parse(answer.split('\r\n\r\n')[1] ?? '').reason;

  it('turns further ones away with a problem, until one has closed', async () => {
    const { open, exchange, http, ended } = await startServer({ limits: { all: 2, ofAddress: 2 } });
    const [first] = [await open(), await open()];
    await eventually(() => expect(http.openConnections).toBe(2));
    const refused = await exchange(get);
    expect(refused).toMatch(/^HTTP\/1.1 503 [\s\S]*retry-after: 1\r\n[\s\S]*connection: close/);
    expect(reasonOf(refused)).toBe('TOO_MANY_CONNECTIONS');
    expect(ended).toMatchObject([{ reason: 'too_many_connections', peer: expect.stringContaining('127.0.0.1:') }]);
    first.destroy();
    await eventually(() => expect(http.openConnections).toBe(1));
    expect(await exchange(get.replace('\r\n\r\n', '\r\nconnection: close\r\n\r\n'))).toMatch(/^HTTP\/1.1 200 /);
  });

  it('of one address leaves the others alone', async () => {
    const { open, exchange, http, ended } = await startServer({ limits: { all: 10, ofAddress: 1 } });
    const other = await open('127.0.0.2');
    await open();
    await eventually(() => expect(http.openConnections).toBe(2));
    expect(reasonOf(await exchange(get))).toBe('TOO_MANY_CONNECTIONS_OF_ADDRESS');
    expect(ended).toMatchObject([{ reason: 'too_many_of_address' }]);
    other.end(get);
    expect(await text(other)).toMatch(/^HTTP\/1.1 200 /);
  });

  it('closes a flood, and serves those that were there', async () => {
    const { open, http, ended } = await startServer({ limits: { all: 5, ofAddress: 5 } });
    const good = await open();
    const flood = await Promise.all(Array.from({ length: 400 }, () => open()));
    await eventually(() => expect(ended.length).toBe(396));
    await Promise.all(flood.slice(5).map((socket) => socket.resume().closed || once(socket, 'close')));
    expect(http.openConnections).toBe(5);
    good.end(get);
    expect(await text(good)).toMatch(/^HTTP\/1.1 200 /);
  });
});

describe('a slow client', () => {
  const patience = { ...httpPatience, headMs: 200, requestMs: 400 };

  it.each([
    ['of HTTP/1.1, without a byte', '', ''],
    ['that sends half a preface', 'P', ''],
  ])('%s is closed', async (_, first, rest) => {
    const { open } = await startServer({ patience });
    const socket = await open();
    socket.write(first);
    expect(await drip(socket.resume(), rest)).toBeLessThan(5_000);
  });

  it.each([
    ['headers', 'GET / HTTP/1.1\r\nhost: x\r\n', 'a: b\r\n'],
    ['a body', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n', 'a'],
    ['a body in chunks', 'POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\na\r\n'],
  ])('gets a 408 if it sends %s byte by byte', async (_, head, part) => {
    const { open, ended } = await startServer({ patience }, (request, response) => {
      request.resume().once('end', () => response.end());
    });
    const socket = await open();
    const answer = text(socket);
    socket.write(head);
    expect(await drip(socket, part)).toBeLessThan(6_000);
    expect(await answer).toMatch(/^HTTP\/1.1 408 [\s\S]*application\/problem\+json[\s\S]*"REQUEST_TOO_SLOW"/);
    expect(ended).toMatchObject([{ reason: 'slow_request' }]);
  });

  it.each([
    ['only pings', Buffer.concat([Buffer.from(preface), settings]), http2Frame(8, 0, 0, Buffer.from([0, 0, 0, 1]))],
    ['half a header block', Buffer.concat([Buffer.from(preface), settings, http2Frame(1, 0, 1)]), Buffer.alloc(0)],
  ])('of HTTP/2 is closed if it sends %s', async (_, first, rest) => {
    const { open } = await startServer({ patience: { ...patience, idleMs: 300 } });
    const socket = await open();
    socket.write(first);
    expect(await drip(socket.resume(), rest)).toBeLessThan(5_000);
  });

  it('of HTTP/2 gets GOAWAY after its last request, and not during one', async () => {
    const { port } = await startServer({ patience: { ...patience, idleMs: 200 } }, (_, response) => {
      setTimeout(() => response.end('late'), 600);
    });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    const goaway = once(session, 'goaway');
    expect(await text(session.request())).toBe('late');
    expect((await goaway)[0]).toBe(0);
  });
});

describe('a client that reads nothing of its answer', () => {
  const patience = { ...httpPatience, unreadMs: 300 };
  const large = Buffer.alloc(16 * 1024 * 1024);
  const sendLarge: RequestListener = (_, response) => (inPieces(large) as Readable).pipe(response);

  it('is cut off over HTTP/1.1', async () => {
    const { open, ended } = await startServer({ patience }, sendLarge);
    const socket = await open();
    socket.pause().write(get);
    await eventually(() => expect(ended).toMatchObject([{ reason: 'unread_answers' }]));
    await eventually(() => expect(socket.resume().destroyed || socket.readableEnded).toBe(true));
    expect(socket.bytesRead).toBeLessThan(large.length);
  });

  it('has its stream reset over HTTP/2, and other streams go on', async () => {
    const { port, ended } = await startServer({ patience }, (request, response) => {
      if (request.url === '/large') sendLarge(request, response);
      else response.end('small');
    });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    const unread = session.request({ ':path': '/large' }).on('error', () => undefined);
    await eventually(() => expect(ended).toMatchObject([{ reason: 'unread_answers' }]));
    expect(await text(session.request({ ':path': '/small' }))).toBe('small');
    await eventually(() => expect(unread.resume().closed).toBe(true));
    expect(unread.rstCode).toBe(8);
  });

  it('is left alone if it reads slowly', async () => {
    // Longer than any pause of this reader on a busy machine, and shorter than it reads.
    const { open, ended } = await startServer({ patience: { ...patience, unreadMs: 1_000 } }, sendLarge);
    const socket = await open();
    socket.write(get);
    let received = 0;
    for await (const part of socket) {
      received += part.length;
      if (received >= large.length) break;
      await delay(5);
    }
    expect(ended).toEqual([]);
  });
});
