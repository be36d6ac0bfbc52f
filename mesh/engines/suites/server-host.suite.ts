import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { Status } from 'nice-grpc-common';
import { pino } from 'pino';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { toStatus } from '../../errors/to-status.ts';
import { grpcFrame, rawCall, rawConnection } from '../../server/testing/raw-call.ts';
import { eventually } from '../../testing/eventually.ts';
import { http2Frame } from '../../testing/http2-frame.ts';
import type { Engine, EngineCall, EngineHandler, EngineMethod, MethodKind, ReadRequest } from '../engine.ts';

/** What the server host of every engine promises, as tests in the suite that calls it. */
export function serverHostContract(engine: Engine): void {
  const logger = pino({ level: 'silent' });
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  /** Messages are UTF-8 text; 'X' is the one that does not decode. */
  function textMethod(path: string, kind: MethodKind): EngineMethod<string, string> {
    const encode = (text: string) => Buffer.from(text);
    const decode = (bytes: Uint8Array) => {
      const text = Buffer.from(bytes).toString();
      if (text === 'X') throw new RangeError('index out of range');
      return text;
    };
    return { path, kind, encodeRequest: encode, decodeRequest: decode, encodeResponse: encode, decodeResponse: decode };
  }

  const many = (...texts: string[]) => Buffer.concat(texts.map((text) => grpcFrame(Buffer.from(text))));

  async function start(...handlers: EngineHandler<string, string>[]) {
    const host = engine.createServerHost({ toStatus: (error, path) => toStatus(error, path, logger) });
    for (const handler of handlers) host.add(textMethod(`/t/${handler.kind}`, handler.kind), handler);
    const port = await host.listen('127.0.0.1:0');
    const session = await rawConnection(`127.0.0.1:${port}`);
    session.on('error', () => undefined);
    cleanups.push(
      () => host.drain(0),
      () => session.destroy(),
    );
    return { host, port, session };
  }

  const echo: EngineHandler<string, string> = { kind: 'unary', handle: async (read) => read() };

  /** A unary handler that shows its call, then gives back the request or `answer`. */
  function see(look: (call: EngineCall) => void, answer?: Promise<string>) {
    return async (read: ReadRequest<string>, call: EngineCall) => {
      look(call);
      return answer ?? read();
    };
  }

  function callOf(body: string, headers: Record<string, string> = {}) {
    return (session: ClientHttp2Session) => rawCall(session, '/t/unary', many(body), headers);
  }

  /** A unary handler that shows its call and never answers. */
  function hanging() {
    const calls: EngineCall[] = [];
    const handler: EngineHandler<string, string> = {
      kind: 'unary',
      handle: (_, call) => {
        calls.push(call);
        return new Promise(() => undefined);
      },
    };
    return { calls, handler };
  }

  describe('a host reads deadlines', () => {
    it('as absent when the call came without one', async () => {
      const deadlines: unknown[] = [];
      const { session } = await start({
        kind: 'unary',
        handle: see((call) => deadlines.push(call.deadlineMs)),
      });
      expect((await callOf('a')(session)).status).toBe(Status.OK);
      expect(deadlines).toEqual([undefined]);
    });

    it.each([
      ['5S', 5_000],
      ['250m', 250],
      ['1H', 3_600_000],
      ['3000000m', 3_000_000],
      ['720H', 2_147_483_000],
      ['99999999H', 2_147_483_000],
    ])('of %s as %i ms from now, at most 24.8 days', async (timeout, ms) => {
      const left: number[] = [];
      const { session } = await start({
        kind: 'unary',
        handle: see((call) => left.push(Number(call.deadlineMs) - Date.now())),
      });
      expect((await callOf('a', { 'grpc-timeout': timeout })(session)).status).toBe(Status.OK);
      expect(left[0]).toBeLessThanOrEqual(ms);
      expect(left[0]).toBeGreaterThan(ms - 5_000);
    });

    it('and ends a call when its deadline passes, whatever the handler does', async () => {
      const { calls, handler } = hanging();
      const { session } = await start(handler);
      expect((await callOf('a', { 'grpc-timeout': '50m' })(session)).status).toBe(Status.DEADLINE_EXCEEDED);
      await eventually(() => expect(calls[0]?.signal.aborted).toBe(true));
    });

    it('and ends a call whose request never comes', async () => {
      const { session } = await start(echo);
      expect((await rawCall(session, '/t/unary', undefined, { 'grpc-timeout': '20m' })).status).toBe(
        Status.DEADLINE_EXCEEDED,
      );
    });

    it.each(['5', 'S', '123456789S', '-1S', '5 S', '1.5S', '5X'])('and refuses %j, which is none', async (timeout) => {
      const { session } = await start(echo);
      const answer = await callOf('a', { 'grpc-timeout': timeout })(session);
      expect(answer).toMatchObject({ status: Status.INVALID_ARGUMENT, details: { reason: 'MALFORMED_TIMEOUT' } });
      expect((await callOf('a')(session)).status).toBe(Status.OK);
    });
  });

  describe('a host refuses', () => {
    it('bytes that are no message with INVALID_ARGUMENT', async () => {
      const { session } = await start(echo);
      expect(await callOf('X')(session)).toMatchObject({
        status: Status.INVALID_ARGUMENT,
        details: { reason: 'UNDECODABLE_MESSAGE' },
      });
    });

    it('a message over 4 MiB with RESOURCE_EXHAUSTED, and goes on', async () => {
      const { session } = await start(echo);
      expect((await callOf('a'.repeat(5 * 1024 * 1024))(session)).status).toBe(Status.RESOURCE_EXHAUSTED);
      expect((await callOf('a'.repeat(4 * 1024 * 1024))(session)).status).toBe(Status.OK);
    });

    it.each(['/t/none', '/none/unary', '/', '/t/unary/'])(
      '%s, which it does not have, with UNIMPLEMENTED',
      async (path) => {
        const { session } = await start(echo);
        const answer = await rawCall(session, path, many('a'));
        expect(answer).toMatchObject({ status: Status.UNIMPLEMENTED, details: { reason: 'UNKNOWN_METHOD' } });
        expect(answer.message).toContain(path);
      },
    );

    it('what is no gRPC at HTTP level', async () => {
      const { session } = await start(echo);
      const stream = session.request({ ':method': 'POST', ':path': '/t/unary', 'content-type': 'application/json' });
      const [headers] = await once(stream, 'response');
      expect(headers[':status']).toBe(415);
      stream.close();
    });

    it('a socket that speaks no HTTP/2, and lives', async () => {
      const { session, port } = await start(echo);
      const socket = connect(port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      socket.resume();
      await once(socket, 'close');
      expect((await callOf('a')(session)).status).toBe(Status.OK);
    });
  });

  /** HEADERS, each one literal without Huffman coding, and RST_STREAM right behind them. */
  function resetCall(stream: number, headers: Record<string, string>): Buffer {
    const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
    const block = Object.entries(headers).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]);
    return Buffer.concat([
      http2Frame(1, 4, stream, Buffer.concat(block)),
      http2Frame(3, 0, stream, Buffer.from([0, 0, 0, 8])),
    ]);
  }

  describe('a host outlives', () => {
    it.each([
      ['/t/unary', 'application/grpc'],
      ['/t/none', 'application/grpc'],
      ['/t/unary', 'text/plain'],
    ])('calls of %s as %s that are reset as soon as they are made', async (path, type) => {
      const { session, port } = await start(echo);
      const socket = connect(port, '127.0.0.1');
      cleanups.push(() => socket.destroy());
      const headers = { ':method': 'POST', ':scheme': 'http', ':path': path, ':authority': 'x', 'content-type': type };
      const calls = Array.from({ length: 100 }, (_, index) => resetCall(2 * index + 1, headers));
      socket.write(
        Buffer.concat([
          Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
          http2Frame(4, 0, 0),
          ...calls,
          http2Frame(6, 0, 0, Buffer.alloc(8)),
        ]),
      );
      const pong = http2Frame(6, 1, 0, Buffer.alloc(8));
      let received = Buffer.alloc(0);
      socket.on('data', (bytes) => {
        received = Buffer.concat([received, bytes]);
      });
      await eventually(() => expect(received.includes(pong)).toBe(true));
      expect((await callOf('a')(session)).status).toBe(Status.OK);
    });
  });

  describe('a host streams', () => {
    it('answers no faster than the peer reads them', async () => {
      let made = 0;
      const chunk = 'x'.repeat(16 * 1024);
      async function* flood() {
        for (; made < 1_000; made += 1) yield chunk;
      }
      const { session } = await start({ kind: 'server-streaming', handle: flood });
      const stream = session.request({
        ':method': 'POST',
        ':path': '/t/server-streaming',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      stream.end(many('a'));
      stream.pause();
      await eventually(() => expect(made).toBeGreaterThan(1));
      let before = -1;
      await eventually(
        () => {
          const standsStill = made === before;
          before = made;
          expect(standsStill).toBe(true);
        },
        { intervalMs: 200 },
      );
      expect(made).toBeLessThan(100);
      let received = 0;
      stream.on('data', (bytes: Buffer) => {
        received += bytes.length;
      });
      stream.resume();
      await once(stream, 'end');
      expect(received).toBe(1_000 * (chunk.length + 5));
    });

    it('and closes the iterator, also one that waits, when the caller goes', async () => {
      const { promise: closed, resolve } = Promise.withResolvers<string>();
      const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
      const waiting: AsyncIterableIterator<string> = {
        [Symbol.asyncIterator]: () => waiting,
        next: () => {
          ask();
          return new Promise(() => undefined);
        },
        return: async () => {
          resolve('closed');
          return { done: true, value: undefined };
        },
      };
      const { session } = await start({ kind: 'server-streaming', handle: () => waiting });
      const stream = session.request({
        ':method': 'POST',
        ':path': '/t/server-streaming',
        'content-type': 'application/grpc',
      });
      stream.end(many('a'));
      stream.on('error', () => undefined);
      await asked;
      stream.close(8);
      expect(await closed).toBe('closed');
    });

    it('and begins no answer to a call that has ended', async () => {
      const answers = { next: vi.fn(async () => ({ done: false, value: 'a' })), return: vi.fn() };
      const { session } = await start({
        kind: 'server-streaming',
        handle(_, call) {
          call.fail(new MeshError(Status.UNAVAILABLE, 'BUSY', 'try later'));
          return { [Symbol.asyncIterator]: () => answers };
        },
      });
      expect(await rawCall(session, '/t/server-streaming', many('a'))).toMatchObject({ status: Status.UNAVAILABLE });
      expect(answers.return).toHaveBeenCalledOnce();
      expect(answers.next).not.toHaveBeenCalled();
    });

    it('gives what was sent before an error, then the error', async () => {
      async function* failing() {
        yield 'one';
        throw new Error('secret');
      }
      const { session } = await start({ kind: 'server-streaming', handle: failing });
      const answer = await rawCall(session, '/t/server-streaming', many('a'));
      expect(answer.body).toEqual(many('one'));
      expect(answer).toMatchObject({ status: Status.INTERNAL, details: { reason: 'INTERNAL' } });
      expect(answer.message).not.toContain('secret');
    });

    it('requests, of which a handler may leave some unread', async () => {
      const { session } = await start({
        kind: 'client-streaming',
        handle: async (texts) => {
          for await (const text of texts) return text;
          return '';
        },
      });
      const answer = await rawCall(session, '/t/client-streaming', many('a', 'b', 'c'));
      expect(answer).toMatchObject({ status: Status.OK, body: many('a') });
    });

    it('requests and answers with a handler that stops reading', async () => {
      const { session } = await start({
        kind: 'bidi-streaming',
        async *handle(texts) {
          for await (const text of texts) {
            yield text;
            break;
          }
          yield 'end';
        },
      });
      const answer = await rawCall(session, '/t/bidi-streaming', many('a', 'b', 'c'));
      expect(answer).toMatchObject({ status: Status.OK, body: many('a', 'end') });
    });

    it.each<[string, (stream: ClientHttp2Stream) => void]>([
      ['the caller resets it', (stream) => stream.destroy()],
      ['the connection is lost', (stream) => stream.session?.destroy()],
    ])('ends the requests with an AbortError when %s', async (_, cut) => {
      const { promise: ended, resolve } = Promise.withResolvers<unknown>();
      const seen: string[] = [];
      const { session } = await start({
        kind: 'client-streaming',
        handle: async (texts) => {
          try {
            for await (const text of texts) seen.push(text);
          } catch (error) {
            resolve(error);
          }
          return '';
        },
      });
      const stream = session.request({
        ':method': 'POST',
        ':path': '/t/client-streaming',
        'content-type': 'application/grpc',
      });
      stream.on('error', () => undefined);
      stream.write(many('a'));
      await eventually(() => expect(seen).toEqual(['a']));
      cut(stream);
      expect(await ended).toMatchObject({ name: 'AbortError' });
    });

    it('refuses one bad message among requests', async () => {
      const { session } = await start({
        kind: 'client-streaming',
        handle: async (texts) => (await Array.fromAsync(texts)).join(),
      });
      const answer = await rawCall(session, '/t/client-streaming', many('a', 'X'));
      expect(answer).toMatchObject({ status: Status.INVALID_ARGUMENT, details: { reason: 'UNDECODABLE_MESSAGE' } });
    });
  });

  describe('a host tells its caller', () => {
    it('headers and trailers that the handler set', async () => {
      const { session } = await start({
        kind: 'unary',
        handle: async (read, call) => {
          call.header.set('x-header', 'h');
          call.trailer.set('x-trailer', 't');
          return read();
        },
      });
      const stream = session.request({ ':method': 'POST', ':path': '/t/unary', 'content-type': 'application/grpc' });
      stream.end(many('a'));
      const headers = once(stream, 'response');
      const trailers = once(stream, 'trailers');
      stream.resume();
      expect((await headers)[0]).toMatchObject({ 'x-header': 'h' });
      expect((await trailers)[0]).toMatchObject({ 'x-trailer': 't', 'grpc-status': '0' });
    });

    it('an error whose text holds what HTTP cannot', async () => {
      const text = 'naïve 100 %\n\ud800 "quoted"';
      const { session } = await start({
        kind: 'unary',
        handle: () => Promise.reject(new MeshError(Status.ABORTED, 'ODD', text)),
      });
      const answer = await callOf('a')(session);
      expect(answer).toMatchObject({
        status: Status.ABORTED,
        message: text.toWellFormed(),
        details: { reason: 'ODD' },
      });
    });
  });

  describe('a host has limits', () => {
    it('that it tells its peers', async () => {
      const { port } = await start(echo);
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      cleanups.push(() => session.destroy());
      const [settings] = await once(session, 'remoteSettings');
      expect(settings).toMatchObject({ maxConcurrentStreams: 1_000, initialWindowSize: 256 * 1024 });
    });

    /** Makes calls and cancels each when its handler has begun, until there were `count` or the connection is gone. */
    async function cancelMany(count: number) {
      let begun = Promise.withResolvers<void>();
      const { session, port } = await start({
        kind: 'unary',
        handle: (read) => {
          const text = read();
          begun.resolve();
          return text === 'stay' ? Promise.resolve(text) : new Promise(() => undefined);
        },
      });
      const gone = new Promise((resolve) => session.once('close', () => resolve('gone')));
      for (let index = 0; index < count; index += 1) {
        begun = Promise.withResolvers();
        const stream = session.request({ ':method': 'POST', ':path': '/t/unary', 'content-type': 'application/grpc' });
        stream.on('error', () => undefined);
        stream.end(many('a'));
        if ((await Promise.race([begun.promise, gone])) === 'gone') break;
        stream.close(8);
      }
      return { session, port };
    }

    it('that bear a caller who cancels many calls', async () => {
      const { session } = await cancelMany(1_500);
      expect((await callOf('stay')(session)).status).toBe(Status.OK);
    });

    it('that cut off one who does nothing but cancel, and nobody else', async () => {
      const { session, port } = await cancelMany(20_000);
      expect(session.destroyed).toBe(true);
      const other = await rawConnection(`127.0.0.1:${port}`);
      cleanups.push(() => other.destroy());
      expect((await callOf('stay')(other)).status).toBe(Status.OK);
    });
  });

  describe('a host listens', () => {
    const listen = (address: string) =>
      engine.createServerHost({ toStatus: (error, path) => toStatus(error, path, logger) }).listen(address);

    it('and says which address is taken', async () => {
      const other = createTcpServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      cleanups.push(() => other.close());
      const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
      const error = { reason: 'ADDRESS_IN_USE', message: expect.stringContaining(address) };
      await expect(listen(address)).rejects.toMatchObject(error);
    });

    it.each(['', '50051', 'localhost', '127.0.0.1:', '127.0.0.1:99999', '::1:50051', 'a b:1'])(
      'and refuses %j, which is no address',
      async (address) => {
        await expect(listen(address)).rejects.toMatchObject({ reason: 'BAD_LISTEN_ADDRESS' });
      },
    );

    it('and refuses an address that is not of this machine', async () => {
      await expect(listen('192.0.2.1:0')).rejects.toMatchObject({
        reason: 'BAD_LISTEN_ADDRESS',
        message: expect.stringContaining('192.0.2.1:0'),
      });
    });
  });

  describe('a host drains', () => {
    it('when the calls under way have ended', async () => {
      const { promise, resolve } = Promise.withResolvers<string>();
      const started = Promise.withResolvers<void>();
      const { host, session } = await start({ kind: 'unary', handle: see(() => started.resolve(), promise) });
      const answer = callOf('a')(session);
      await started.promise;
      const drained = host.drain(10_000);
      resolve('late');
      expect(await answer).toMatchObject({ status: Status.OK, body: many('late') });
      await drained;
    });

    it('by ending, after the grace, calls that do not end', async () => {
      const { calls, handler } = hanging();
      const { host, session } = await start(handler);
      const call = session.request({ ':method': 'POST', ':path': '/t/unary', 'content-type': 'application/grpc' });
      call.on('error', () => undefined);
      call.end(many('a'));
      await eventually(() => expect(calls).toHaveLength(1));
      const aborted = calls[0]?.signal;
      await host.drain(50);
      await eventually(() => expect(aborted?.aborted).toBe(true));
    });
  });
}
