import { once } from 'node:events';
import type { ClientHttp2Stream } from 'node:http2';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, vi } from 'vitest';
import { MeshError } from '../../../errors/mesh-error.ts';
import { rawCall } from '../../../server/testing/raw-call.ts';
import { eventually } from '../../../testing/eventually.ts';
import type { Engine } from '../../engine.ts';
import { many, start } from './text-host.ts';

/** Streams in both directions. */
export function streamingSuite(engine: Engine): void {
  describe('a stream of a server host', () => {
    it('sends responses no faster than the peer reads them', async () => {
      let made = 0;
      const chunk = 'x'.repeat(16 * 1024);
      async function* flood() {
        for (; made < 1_000; made += 1) yield chunk;
      }
      const { session } = await start(engine, { kind: 'server-streaming', handle: flood });
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

    it('closes the iterator when the caller leaves, even one that waits', async () => {
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
      const { session } = await start(engine, { kind: 'server-streaming', handle: () => waiting });
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

    it('requests no response for a call that has ended', async () => {
      const answers = { next: vi.fn(async () => ({ done: false, value: 'a' })), return: vi.fn() };
      const { session } = await start(engine, {
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

    it('delivers what was sent before an error, then the error', async () => {
      async function* failing() {
        yield 'one';
        throw new Error('secret');
      }
      const { session } = await start(engine, { kind: 'server-streaming', handle: failing });
      const answer = await rawCall(session, '/t/server-streaming', many('a'));
      expect(answer.body).toEqual(many('one'));
      expect(answer).toMatchObject({ status: Status.INTERNAL, details: { reason: 'INTERNAL' } });
      expect(answer.message).not.toContain('secret');
    });

    it('lets a handler leave requests unread', async () => {
      const { session } = await start(engine, {
        kind: 'client-streaming',
        handle: async (texts) => {
          for await (const text of texts) return text;
          return '';
        },
      });
      const answer = await rawCall(session, '/t/client-streaming', many('a', 'b', 'c'));
      expect(answer).toMatchObject({ status: Status.OK, body: many('a') });
    });

    it('sends responses of a handler that stopped reading', async () => {
      const { session } = await start(engine, {
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
    ])('ends the requests with an AbortError if %s', async (_, cut) => {
      const { promise: ended, resolve } = Promise.withResolvers<unknown>();
      const seen: string[] = [];
      const { session } = await start(engine, {
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

    it('refuses an invalid message among the requests', async () => {
      const { session } = await start(engine, {
        kind: 'client-streaming',
        handle: async (texts) => (await Array.fromAsync(texts)).join(),
      });
      const answer = await rawCall(session, '/t/client-streaming', many('a', 'X'));
      expect(answer).toMatchObject({ status: Status.INVALID_ARGUMENT, details: { reason: 'UNDECODABLE_MESSAGE' } });
    });
  });
}
