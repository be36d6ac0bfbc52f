import { once } from 'node:events';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { MeshError } from '../../../errors/mesh-error.ts';
import { eventually } from '../../../testing/eventually.ts';
import type { Engine } from '../../engine.ts';
import { bidiStreaming, call, clientStreaming, connectTo, serverStreaming } from './text-server.ts';

/** Streams in both directions. */
export function streamSuite(engine: Engine): void {
  describe('a stream of responses', () => {
    const total = 2_000;
    const text = 'x'.repeat(10_000);

    it('stops the server while its reader is busy, and loses nothing', async () => {
      let sent = 0;
      const transport = await connectTo(engine, {
        kind: 'server-streaming',
        async *handle() {
          for (; sent < total; sent++) yield `${sent} ${text}`;
        },
      });
      const responses = transport.serverStreaming(serverStreaming, '', call)[Symbol.asyncIterator]();
      await responses.next();

      await eventually(() => standsStill(() => sent));
      expect(sent).toBeLessThan(total / 4);

      let seen = 1;
      for (let next = await responses.next(); !next.done; next = await responses.next()) {
        expect(next.value).toBe(`${seen} ${text}`);
        seen += 1;
      }
      expect(seen).toBe(total);
    });

    it('is cancelled on the server when its reader leaves the loop', async () => {
      const cancelled = Promise.withResolvers<void>();
      const transport = await connectTo(engine, {
        kind: 'server-streaming',
        async *handle(_, { signal }) {
          signal.addEventListener('abort', () => cancelled.resolve());
          for (let sent = 0; ; sent++) yield String(sent);
        },
      });

      for await (const _ of transport.serverStreaming(serverStreaming, '', call)) break;

      await expect(cancelled.promise).resolves.toBeUndefined();
    });

    it('starts no call before it is read', async () => {
      let calls = 0;
      const transport = await connectTo(engine, {
        kind: 'server-streaming',
        async *handle() {
          calls += 1;
          yield 'only';
        },
      });
      const unread = transport.serverStreaming(serverStreaming, '', call)[Symbol.asyncIterator]();
      await unread.return?.();

      expect(await unread.next()).toEqual({ value: undefined, done: true });
      expect(await Array.fromAsync(transport.serverStreaming(serverStreaming, '', call))).toEqual(['only']);
      expect(calls).toBe(1);
    });

    it('reports its error once and then has ended', async () => {
      const transport = await connectTo(engine, {
        kind: 'server-streaming',
        async *handle() {
          yield 'first';
          throw new MeshError(Status.DATA_LOSS, 'TORN_PAGE', 'a page is torn');
        },
      });
      const responses = transport.serverStreaming(serverStreaming, '', call)[Symbol.asyncIterator]();

      expect(await responses.next()).toEqual({ value: 'first', done: false });
      await expect(responses.next()).rejects.toMatchObject({ code: Status.DATA_LOSS, details: 'a page is torn' });
      expect(await responses.next()).toEqual({ value: undefined, done: true });
    });

    it('ends at its deadline', async () => {
      const transport = await connectTo(engine, {
        kind: 'server-streaming',
        async *handle(_, { signal }) {
          yield 'first';
          await once(signal, 'abort');
        },
      });
      const deadlineMs = Date.now() + 100;

      await expect(
        Array.fromAsync(transport.serverStreaming(serverStreaming, '', { ...call, deadlineMs })),
      ).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED });
    });
  });

  describe('a stream of requests', () => {
    it('is answered once it has ended', async () => {
      const transport = await connectTo(engine, {
        kind: 'client-streaming',
        handle: async (requests) => (await Array.fromAsync(requests)).join(','),
      });

      expect(await transport.clientStreaming(clientStreaming, texts('a', 'b', 'c'), call)).toBe('a,b,c');
    });

    it('closes its source if the server ends the call', async () => {
      const left = Promise.withResolvers<void>();
      const transport = await connectTo(engine, {
        kind: 'client-streaming',
        handle: () => Promise.reject(new MeshError(Status.FAILED_PRECONDITION, 'FULL', 'no more')),
      });
      async function* endless() {
        try {
          for (;;) yield 'more';
        } finally {
          left.resolve();
        }
      }

      await expect(transport.clientStreaming(clientStreaming, endless(), call)).rejects.toMatchObject({
        code: Status.FAILED_PRECONDITION,
      });
      await expect(left.promise).resolves.toBeUndefined();
    });

    it('continues while responses arrive', async () => {
      const transport = await connectTo(engine, {
        kind: 'bidi-streaming',
        async *handle(requests) {
          for await (const request of requests) yield request.toUpperCase();
        },
      });
      const answered: string[] = [];
      async function* conversation() {
        yield 'a';
        await eventually(() => expect(answered).toEqual(['A']), { intervalMs: 1 });
        yield 'b';
      }

      for await (const answer of transport.bidiStreaming(bidiStreaming, conversation(), call)) answered.push(answer);

      expect(answered).toEqual(['A', 'B']);
    });

    it('fails with the error of its source', async () => {
      const fault = new Error('the file ended early');
      const transport = await connectTo(engine, {
        kind: 'bidi-streaming',
        async *handle(requests) {
          yield* requests;
        },
      });
      async function* broken() {
        yield 'a';
        throw fault;
      }

      await expect(Array.fromAsync(transport.bidiStreaming(bidiStreaming, broken(), call))).rejects.toBe(fault);
    });
  });
}

async function* texts(...all: string[]) {
  yield* all;
}

/** Resolves when `count` has not changed for 50 turns of the event loop; rejects when it has. */
async function standsStill(count: () => number): Promise<void> {
  const before = count();
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  if (count() !== before) throw new Error('it still moves');
}
