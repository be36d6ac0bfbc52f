import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:net';
import { ClientError, Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../../testing/eventually.ts';
import type { Engine } from '../../engine.ts';
import { call, connect, connectTo, echo, serve, serverStreaming, unary } from './text-server.ts';

/** Connections and unary calls. */
export function callSuite(engine: Engine): void {
  describe('a transport', () => {
    it('reaches a server again soon after its restart', async () => {
      const first = await serve(engine, echo);
      const transport = connect(engine, first.port);
      expect(await transport.unary(unary, 'one', call)).toBe('one');

      await first.host.drain(0);
      await expect(transport.unary(unary, 'two', call)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
      await serve(engine, echo, first.port);

      await eventually(async () => expect(await transport.unary(unary, 'three', call).catch(String)).toBe('three'), {
        timeoutMs: 3_000,
        intervalMs: 50,
      });
    });

    it('ends an attempt to connect if the peer never sends HTTP/2', async () => {
      const silent = createServer().listen(0, '127.0.0.1');
      onTestFinished(() => void silent.close());
      await once(silent, 'listening');
      const address = silent.address();
      if (address === null || typeof address === 'string') throw new Error('no port');
      const transport = connect(engine, address.port);

      const outcome = expect(transport.unary(unary, 'hello', call)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
      const [socket] = await once(silent, 'connection');
      await once(socket.resume(), 'close');

      await outcome;
    });

    it('refuses calls after it was closed', async () => {
      const transport = await connectTo(engine, echo);
      transport.close();

      await expect(transport.unary(unary, 'late', call)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
      await expect(Array.fromAsync(transport.serverStreaming(serverStreaming, 'late', call))).rejects.toBeInstanceOf(
        ClientError,
      );
    });

    it('finishes its open calls after it was closed, and ends them when it is aborted', async () => {
      const answers: (() => void)[] = [];
      const transport = await connectTo(engine, {
        kind: 'unary',
        handle: (read) => new Promise((resolve) => answers.push(() => resolve(read()))),
      });
      const [first, second] = [transport.unary(unary, 'first', call), transport.unary(unary, 'second', call)];
      const lost = expect(second).rejects.toMatchObject({ code: Status.UNAVAILABLE, lost: true });
      await eventually(() => expect(answers).toHaveLength(2));

      transport.close();
      answers[0]?.();
      expect(await first).toBe('first');
      transport.abort();
      await lost;
      await expect(transport.unary(unary, 'late', call)).rejects.toMatchObject({ unsent: true });
    });

    it('refuses a response above 4 MiB, and tells it from a refusal by its server', async () => {
      const large = 'x'.repeat(4 * 1024 * 1024 + 1);
      const transport = await connectTo(engine, { kind: 'unary', handle: async (read) => read() || large });
      const code = Status.RESOURCE_EXHAUSTED;

      await expect(transport.unary(unary, '', call)).rejects.toMatchObject({ code, tooLarge: true, answered: false });
      await expect(transport.unary(unary, large, call)).rejects.toMatchObject({ code, tooLarge: false });
    });

    it('fails with INTERNAL if a response cannot be decoded', async () => {
      const unreadable = {
        decodeResponse: () => {
          throw new Error('bad tag');
        },
      };
      const one = await connectTo(engine, echo);
      const many = await connectTo(engine, {
        kind: 'server-streaming',
        async *handle(read) {
          yield read();
        },
      });

      const details = expect.stringContaining('bad tag');
      await expect(one.unary({ ...unary, ...unreadable }, 'x', call)).rejects.toMatchObject({
        code: Status.INTERNAL,
        details,
      });
      await expect(
        Array.fromAsync(many.serverStreaming({ ...serverStreaming, ...unreadable }, 'x', call)),
      ).rejects.toMatchObject({ code: Status.INTERNAL, details });
    });

    it('leaves no listener on the signal of a call that has ended', async () => {
      const { signal } = new AbortController();
      const transport = await connectTo(engine, echo);

      await transport.unary(unary, 'one', { ...call, signal });

      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    });
  });
}
