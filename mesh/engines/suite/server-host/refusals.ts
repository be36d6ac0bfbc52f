import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Engine, EngineHandler } from '../../engine.ts';
import { callUnary, echo, many, see, start } from './text-host.ts';

/** Requests that are not gRPC, binary metadata, and callers that leave before the end of an answer. */
export function refusalSuite(engine: Engine): void {
  describe('a request that is not gRPC', () => {
    it.each(['GET', 'PUT', 'OPTIONS'])('gets 405, Allow and a text if its method is %s', async (method) => {
      const { session } = await start(engine, echo);
      const { headers, body } = await request(session, { ':method': method, 'content-type': 'application/grpc' });
      expect(headers).toMatchObject({ ':status': 405, allow: 'POST', 'content-type': 'text/plain; charset=utf-8' });
      expect(body).toContain('gRPC');
      expect((await callUnary(session, 'a')).status).toBe(Status.OK);
    });

    it('gets no body if its method is HEAD', async () => {
      const { session } = await start(engine, echo);
      const { headers, body } = await request(session, { ':method': 'HEAD', 'content-type': 'application/grpc' });
      expect(headers).toMatchObject({ ':status': 405, allow: 'POST' });
      expect(body).toBe('');
    });

    it.each(['application/json', 'application/grpcx', 'text/plain'])(
      'gets 415 and a text if its content type is %s',
      async (type) => {
        const { session } = await start(engine, echo);
        const { headers, body } = await request(session, { ':method': 'POST', 'content-type': type });
        expect(headers).toMatchObject({ ':status': 415, 'content-type': 'text/plain; charset=utf-8' });
        expect(body).toContain('application/grpc');
      },
    );
  });

  describe('binary metadata', () => {
    // Of 1, 2 and 3 bytes, so with two, one and no padding characters.
    const values = [Buffer.from('a'), Buffer.from('ab'), Buffer.from('abc')];

    it.each([
      ['with', 'YQ==, YWI=, YWJj'],
      ['without', 'YQ, YWI, YWJj'],
    ])('is accepted %s padding', async (_, sent) => {
      const seen: unknown[] = [];
      const { session } = await start(
        engine,
        see(({ metadata }) => seen.push(metadata.getAll('x-some-bin').map((value) => Buffer.from(value)))),
      );
      expect((await callUnary(session, 'a', { 'x-some-bin': sent })).status).toBe(Status.OK);
      expect(seen).toEqual([values]);
    });

    it('is sent without padding', async () => {
      const { session } = await start(engine, {
        kind: 'unary',
        handle: async (read, call) => {
          call.header.set('x-header-bin', values);
          call.trailer.set('x-trailer-bin', Buffer.from('a'));
          return read();
        },
      });
      const stream = session.request({ ':method': 'POST', ':path': '/t/unary', 'content-type': 'application/grpc' });
      stream.end(many('a'));
      const headers = once(stream, 'response');
      const trailers = once(stream, 'trailers');
      stream.resume();
      expect((await headers)[0]['x-header-bin'].split(/, ?/)).toEqual(['YQ', 'YWI', 'YWJj']);
      expect((await trailers)[0]['x-trailer-bin']).toBe('YQ');
    });
  });

  describe('an answer that a window holds', () => {
    const large = 'a'.repeat(100 * 1024);

    it.each<[string, EngineHandler<string, string>]>([
      ['a message', { kind: 'unary', handle: async () => large }],
      [
        'a stream that ends',
        {
          kind: 'server-streaming',
          async *handle() {
            yield large;
          },
        },
      ],
      [
        'a stream that continues',
        {
          kind: 'server-streaming',
          async *handle(_, { signal }) {
            yield large;
            await once(signal, 'abort');
          },
        },
      ],
    ])('is discarded when the deadline passes: %s', async (_, handler) => {
      const { port } = await start(engine, handler);
      const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 1_000 } });
      onTestFinished(() => session.destroy());
      const head = { ':method': 'POST', ':path': `/t/${handler.kind}`, 'content-type': 'application/grpc' };
      const stream = session.request({ ...head, 'grpc-timeout': '300m' });
      stream.on('error', () => undefined);
      stream.end(many('a'));
      // Nothing is read, so the window stays closed. A reset or trailers come even so.
      const reset = once(stream, 'close').then(() => 'reset');
      const trailers = once(stream, 'trailers').then(([fields]) => Number(fields['grpc-status']));
      expect(['reset', Status.DEADLINE_EXCEEDED]).toContain(await Promise.race([reset, trailers]));
    });
  });

  it('lets a caller leave thousands of streams after their first message', async () => {
    const { session } = await start(engine, {
      kind: 'server-streaming',
      async *handle(read, { signal }) {
        yield read();
        await once(signal, 'abort');
      },
    });
    for (let count = 0; count < 4_000; count += 1) {
      const path = '/t/server-streaming';
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc' });
      stream.on('error', () => undefined);
      stream.end(many('a'));
      await Promise.race([once(stream, 'data'), once(stream, 'close')]);
      stream.close(8);
      if (session.destroyed) break;
    }
    expect(session.destroyed).toBe(false);
  });
}

async function request(session: ClientHttp2Session, headers: Record<string, string>) {
  const stream = session.request({ ':path': '/t/unary', ...headers }, { endStream: true });
  const chunks: Buffer[] = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  if (!stream.closed) await once(stream, 'close');
  return { headers: answer, body: Buffer.concat(chunks).toString() };
}
