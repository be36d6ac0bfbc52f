import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { rawCall, rawConnection } from '../../../server/testing/raw-call.ts';
import { eventually } from '../../../testing/eventually.ts';
import { http2Frame } from '../../../testing/http2-frame.ts';
import type { Engine } from '../../engine.ts';
import type { ConnectionEnd, RefusedCall } from '../../host-observer.ts';
import { clientPreface, ErrorCode, Flag, FrameType } from '../../native/http2/codec/frames.ts';
import { literalFields } from '../../native/http2/codec/literal-fields.ts';
import { callUnary, echo, hanging, many, startWith, textMethod } from './text-host.ts';

/** Connections that a host ends, calls that it refuses, and what its observer learns. */
export function endSuite(engine: Engine): void {
  describe('a client that pings', () => {
    async function ping(session: Awaited<ReturnType<typeof rawConnection>>): Promise<void> {
      await new Promise<void>((resolve) => session.ping(() => resolve()));
    }

    /** The code and the text of the GOAWAY of a session. */
    function goawayOf(session: Awaited<ReturnType<typeof rawConnection>>): Promise<readonly [number, string]> {
      return new Promise((resolve) => {
        session.once('goaway', (code, _, text) => resolve([code, String(text)]));
      });
    }

    it.each([
      ['without a call', false],
      ['during a call that gets no answer', true],
    ])('is ended with ENHANCE_YOUR_CALM too_many_pings at its fourth ping %s', async (_, calls) => {
      const { session, ended } = await startWith(engine, {}, hanging().handler);
      if (calls) void callUnary(session, 'a').catch(() => undefined);
      const goaway = goawayOf(session);
      for (let count = 0; count < 4; count += 1) await ping(session);
      expect(await goaway).toEqual([11, 'too_many_pings']);
      await eventually(() => expect(session.destroyed).toBe(true));
      expect(ended).toMatchObject([{ reason: 'too_many_pings', peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/) }]);
    });

    it('is tolerated if it pings three times', async () => {
      const { session } = await startWith(engine, {}, echo);
      for (let count = 0; count < 3; count += 1) await ping(session);
      expect((await callUnary(session, 'a')).status).toBe(Status.OK);
    });

    it('is tolerated if its calls are answered in between', async () => {
      const { session } = await startWith(engine, {}, echo);
      for (let count = 0; count < 10; count += 1) {
        for (let pings = 0; pings < 3; pings += 1) await ping(session);
        expect((await callUnary(session, 'a')).status).toBe(Status.OK);
      }
    });

    it('is tolerated if the messages of a stream come in between', async () => {
      const { session } = await startWith(
        engine,
        {},
        {
          kind: 'bidi-streaming',
          async *handle(requests) {
            yield* requests;
          },
        },
      );
      const path = '/t/bidi-streaming';
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
      for (let count = 0; count < 10; count += 1) {
        stream.write(many('a'));
        await once(stream, 'data');
        for (let pings = 0; pings < 3; pings += 1) await ping(session);
      }
      stream.end();
      await once(stream.resume(), 'end');
    });

    it('is tolerated by a host that permits many pings', async () => {
      const { session } = await startWith(engine, { pings: { minIntervalMs: 0, minIdleIntervalMs: 0 } }, echo);
      for (let count = 0; count < 10; count += 1) await ping(session);
      expect((await callUnary(session, 'a')).status).toBe(Status.OK);
    });
  });

  describe('a connection above the limit', () => {
    it('fails the calls of a client with UNAVAILABLE, without many attempts', async () => {
      const { port, ended } = await startWith(engine, { maxConnections: 1 }, echo);
      const transport = engine.connect(`127.0.0.1:${port}`);
      onTestFinished(() => transport.close());
      const call = { metadata: Metadata(), deadlineMs: Date.now() + 10_000, signal: undefined };
      await expect(transport.unary(textMethod('/t/unary', 'unary'), 'a', call)).rejects.toMatchObject({
        code: Status.UNAVAILABLE,
      });
      expect(ended.length).toBeLessThan(3);
    });

    it('gets a status 503 with a text, and is reported; another is accepted once one has ended', async () => {
      const { host, session, port, ended } = await startWith(engine, { maxConnections: 1 }, echo);
      const surplus = connect(port, '127.0.0.1');
      const answer = (await once(surplus, 'data')).toString();
      expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*\r\n\r\n.*all 1 connections of this server are in use/);
      await once(surplus, 'close');
      expect(ended).toMatchObject([{ reason: 'too_many_connections' }]);
      expect((await callUnary(session, 'a')).status).toBe(Status.OK);
      expect(host.openConnections).toBe(1);
      session.destroy();
      await eventually(() => expect(host.openConnections).toBe(0));
      const next = await rawConnection(`127.0.0.1:${port}`);
      onTestFinished(() => next.destroy());
      expect((await callUnary(next, 'a')).status).toBe(Status.OK);
    });
  });

  describe('a connection that speaks HTTP/1.1', () => {
    it.each([
      ['GET', /^HTTP\/1\.1 505 [\s\S]*\r\n\r\nthis is a gRPC server.*\n$/],
      ['HEAD', /^HTTP\/1\.1 505 [\s\S]*\r\n\r\n$/],
    ])('gets an answer to %s that it can read', async (method, answer) => {
      const { session, port, ended } = await startWith(engine, {}, echo);
      const socket = connect(port, '127.0.0.1');
      socket.end(`${method} / HTTP/1.1\r\nhost: x\r\n\r\n`);
      let received = '';
      socket.on('data', (bytes) => {
        received += bytes;
      });
      await once(socket, 'close');
      expect(received).toMatch(answer);
      expect(ended).toMatchObject([{ reason: 'not_http2' }]);
      expect((await callUnary(session, 'a')).status).toBe(Status.OK);
    });

    it.each([
      ['within its method', 'P', 'OST / HTTP/1.1\r\nhost: x\r\n\r\n'],
      ['within its path', 'GET /a', 'b HTTP/1.0\r\n\r\n'],
      ['before its line break', 'GET / HTTP/1.1\r', '\nhost: x\r\n\r\n'],
    ])('gets an answer even if the request line is split %s', async (_, first, rest) => {
      const { port, ended } = await startWith(engine, {}, echo);
      const socket = connect(port, '127.0.0.1').setNoDelay(true);
      socket.write(first);
      let received = '';
      socket.on('data', (bytes) => {
        received += bytes;
      });
      // The rest must come in another packet.
      await delay(50);
      socket.end(rest);
      await once(socket, 'close');
      expect(received).toMatch(/^HTTP\/1\.1 505 /);
      expect(ended).toMatchObject([{ reason: 'not_http2' }]);
    });

    it('is ended if its first bytes are of no protocol', async () => {
      const { port, ended } = await startWith(engine, {}, echo);
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write('Hello!\r\n\r\nIs somebody there?');
      await once(socket.resume(), 'close');
      expect(ended).toMatchObject([{ reason: expect.stringMatching(/^(not_http2|protocol_error)$/) }]);
    });
  });

  describe('a call that is reset in the same write', () => {
    const grpc = ['content-type', 'application/grpc'];

    it.each([
      ['expects a response of 100', '/t/unary', [...grpc, 'expect', '100-continue']],
      ['is refused', '/t/none', grpc],
      ['is not gRPC', '/t/unary', []],
    ])('leaves the host up if it %s', async (_, path, fields) => {
      const { session, port } = await startWith(engine, {}, echo);
      const pseudoFields = [':method', 'POST', ':scheme', 'http', ':authority', 'x', ':path', path];
      const block = literalFields([...pseudoFields, ...fields]);
      const socket = connect(port, '127.0.0.1');
      onTestFinished(() => void socket.destroy());
      socket.write(Buffer.concat([clientPreface, http2Frame(FrameType.SETTINGS, 0, 0)]));
      for (const [streamId, code] of [
        [1, ErrorCode.NO_ERROR],
        [3, ErrorCode.CANCEL],
      ] as const) {
        const headers = http2Frame(FrameType.HEADERS, Flag.END_HEADERS, streamId, block);
        socket.write(Buffer.concat([headers, http2Frame(FrameType.RST_STREAM, 0, streamId, Buffer.of(0, 0, 0, code))]));
      }
      socket.end(http2Frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(8)));
      await once(socket.resume(), 'close');
      expect((await callUnary(session, 'a')).status).toBe(Status.OK);
    });
  });

  describe('the observer of a host', () => {
    it('learns of calls that are refused before their handler', async () => {
      const { session, refused } = await startWith(engine, {}, echo);
      await rawCall(session, '/t/none', many('a'));
      await callUnary(session, 'a', { 'grpc-timeout': 'soon' });
      await callUnary(session, 'a', { 'grpc-encoding': 'zip' });
      await once(session.request({ ':method': 'GET', ':path': '/t/unary' }), 'response');
      const json = { ':method': 'POST', ':path': '/t/unary', 'content-type': 'application/json' };
      await once(session.request(json, { endStream: true }), 'response');
      const peer = expect.stringMatching(/^127\.0\.0\.1:\d+$/);
      expect(refused).toEqual([
        { peer, path: '/t/none', reason: 'unknown_method' },
        { peer, path: '/t/unary', reason: 'malformed_timeout' },
        { peer, path: '/t/unary', reason: 'unknown_encoding' },
        { peer, path: '/t/unary', reason: 'method_not_allowed' },
        { peer, path: '/t/unary', reason: 'unsupported_media_type' },
      ] satisfies RefusedCall[]);
    });

    it('learns of a connection that breaks the protocol', async () => {
      const { port, ended } = await startWith(engine, {}, echo);
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      // DATA on stream 0.
      const data = Buffer.from('000003000000000000616263', 'hex');
      const settings = Buffer.from('000000040000000000', 'hex');
      socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), settings, data]));
      await once(socket.resume(), 'close');
      const [end] = ended as [ConnectionEnd];
      expect(end).toMatchObject({ reason: 'protocol_error', counts: { streams: 0, open_streams: 0 } });
      expect(end.problem).not.toBe('');
    });

    it.each([
      ['without an error', 0],
      ['with an error', 2],
    ])('learns nothing of a connection that the client ends %s', async (_, code) => {
      const { host, session, ended } = await startWith(engine, {}, echo);
      await callUnary(session, 'a');
      session.goaway(code);
      session.destroy();
      await eventually(() => expect(host.openConnections).toBe(0));
      expect(ended).toEqual([]);
    });
  });
}
