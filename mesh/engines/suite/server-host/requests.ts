import { once } from 'node:events';
import { connect } from 'node:net';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { rawCall } from '../../../server/testing/raw-call.ts';
import { eventually } from '../../../testing/eventually.ts';
import { http2Frame } from '../../../testing/http2-frame.ts';
import type { Engine } from '../../engine.ts';
import { callUnary, echo, hanging, many, see, start } from './text-host.ts';

/** Deadlines, and what a host refuses. */
export function requestSuite(engine: Engine): void {
  describe('the deadline of a call', () => {
    it('is undefined if the caller set none', async () => {
      const deadlines: unknown[] = [];
      const { session } = await start(
        engine,
        see((call) => deadlines.push(call.deadlineMs)),
      );
      expect((await callUnary(session, 'a')).status).toBe(Status.OK);
      expect(deadlines).toEqual([undefined]);
    });

    it.each([
      ['5S', 5_000],
      ['250m', 250],
      ['1H', 3_600_000],
      ['3000000m', 3_000_000],
      ['720H', 2_147_483_000],
      ['99999999H', 2_147_483_000],
    ])('is %2$i ms from now for %1$s, at most 24.8 days', async (timeout, ms) => {
      const left: number[] = [];
      const { session } = await start(
        engine,
        see((call) => left.push(Number(call.deadlineMs) - Date.now())),
      );
      expect((await callUnary(session, 'a', { 'grpc-timeout': timeout })).status).toBe(Status.OK);
      expect(left[0]).toBeLessThanOrEqual(ms);
      expect(left[0]).toBeGreaterThan(ms - 5_000);
    });

    it('ends the call, even if the handler continues', async () => {
      const { calls, handler } = hanging();
      const { session } = await start(engine, handler);
      expect((await callUnary(session, 'a', { 'grpc-timeout': '50m' })).status).toBe(Status.DEADLINE_EXCEEDED);
      await eventually(() => expect(calls[0]?.signal.aborted).toBe(true));
    });

    it('ends a call whose request never arrives', async () => {
      const { session } = await start(engine, echo);
      expect((await rawCall(session, '/t/unary', undefined, { 'grpc-timeout': '20m' })).status).toBe(
        Status.DEADLINE_EXCEEDED,
      );
    });

    it.each(['5', 'S', '123456789S', '-1S', '5 S', '1.5S', '5X'])(
      'is refused if grpc-timeout is %j',
      async (timeout) => {
        const { session } = await start(engine, echo);
        const answer = await callUnary(session, 'a', { 'grpc-timeout': timeout });
        expect(answer).toMatchObject({ status: Status.INVALID_ARGUMENT, details: { reason: 'MALFORMED_TIMEOUT' } });
        expect((await callUnary(session, 'a')).status).toBe(Status.OK);
      },
    );
  });

  /** HEADERS as literals without Huffman coding, followed by RST_STREAM. */
  function resetCall(stream: number, headers: Record<string, string>): Buffer {
    return Buffer.concat([
      http2Frame(1, 4, stream, headerBlock(Object.entries(headers))),
      http2Frame(3, 0, stream, Buffer.from([0, 0, 0, 8])),
    ]);
  }

  /** Fields without compression. */
  function headerBlock(fields: readonly (readonly [string, string])[]): Buffer {
    const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
    return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
  }

  describe('a server host', () => {
    it.each(['authorization', 'mesh-subject'])('reads both values of %s if it comes twice', async (name) => {
      const values: unknown[] = [];
      const { port } = await start(
        engine,
        see((call) => values.push(call.textMetadata(name))),
      );
      const socket = connect(port, '127.0.0.1');
      onTestFinished(() => void socket.destroy());
      const head = { ':method': 'POST', ':scheme': 'http', ':path': '/t/unary', ':authority': 'x', te: 'trailers' };
      const fields = [...Object.entries(head), ['content-type', 'application/grpc'], [name, 'a'], [name, 'b']] as const;
      const frames = [http2Frame(4, 0, 0), http2Frame(1, 4, 1, headerBlock(fields))];
      const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      socket.write(Buffer.concat([preface, ...frames, http2Frame(0, 1, 1, many('a'))]));
      socket.resume();
      await eventually(() => expect(values).toEqual(['a, b']));
    });

    it('refuses bytes that cannot be decoded with INVALID_ARGUMENT', async () => {
      const { session } = await start(engine, echo);
      expect(await callUnary(session, 'X')).toMatchObject({
        status: Status.INVALID_ARGUMENT,
        details: { reason: 'UNDECODABLE_MESSAGE' },
      });
    });

    it('refuses a message above 4 MiB with RESOURCE_EXHAUSTED, and continues', async () => {
      const { session } = await start(engine, echo);
      expect((await callUnary(session, 'a'.repeat(5 * 1024 * 1024))).status).toBe(Status.RESOURCE_EXHAUSTED);
      expect((await callUnary(session, 'a'.repeat(4 * 1024 * 1024))).status).toBe(Status.OK);
    });

    it.each(['/t/none', '/none/unary', '/', '/t/unary/'])(
      'refuses the unknown method %s with UNIMPLEMENTED',
      async (path) => {
        const { session } = await start(engine, echo);
        const answer = await rawCall(session, path, many('a'));
        expect(answer).toMatchObject({ status: Status.UNIMPLEMENTED, details: { reason: 'UNKNOWN_METHOD' } });
        expect(answer.message).toContain(path);
      },
    );

    it('refuses a request that is not gRPC with an HTTP status', async () => {
      const { session } = await start(engine, echo);
      const stream = session.request({ ':method': 'POST', ':path': '/t/unary', 'content-type': 'application/json' });
      const [headers] = await once(stream, 'response');
      expect(headers[':status']).toBe(415);
      stream.close();
    });

    it('closes a socket that does not send HTTP/2, and continues', async () => {
      const { session, port } = await start(engine, echo);
      const socket = connect(port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
      socket.resume();
      await once(socket, 'close');
      expect((await callUnary(session, 'a')).status).toBe(Status.OK);
    });

    it.each([
      ['/t/unary', 'application/grpc'],
      ['/t/none', 'application/grpc'],
      ['/t/unary', 'text/plain'],
    ])('survives calls of %s as %s that are reset immediately', async (path, type) => {
      const { session, port } = await start(engine, echo);
      const socket = connect(port, '127.0.0.1');
      onTestFinished(() => void socket.destroy());
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
      expect((await callUnary(session, 'a')).status).toBe(Status.OK);
    });
  });
}
