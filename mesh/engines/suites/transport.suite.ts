import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:net';
import { ClientError, Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { toStatus } from '../../errors/to-status.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import type {
  Engine,
  EngineHandler,
  EngineMethod,
  MethodKind,
  ServerHost,
  Transport,
  TransportCall,
} from '../engine.ts';

/** What the transport of every engine promises, as tests in the suite that calls it. */
export function transportContract(engine: Engine): void {
  const call: TransportCall = { metadata: Metadata(), deadlineMs: undefined, signal: undefined };
  const logger = createLogger('silent');

  /** A method whose messages are texts. */
  function textMethod(kind: MethodKind): EngineMethod<string, string> {
    const encode = (text: string) => Buffer.from(text);
    const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString();
    const codec = { encodeRequest: encode, decodeRequest: decode, encodeResponse: encode, decodeResponse: decode };
    return { path: `/test.v1.TextService/${kind}`, kind, ...codec };
  }

  const unary = textMethod('unary');
  const serverStreaming = textMethod('server-streaming');
  const clientStreaming = textMethod('client-streaming');
  const bidiStreaming = textMethod('bidi-streaming');

  async function serve(handler: EngineHandler<string, string>, port = 0): Promise<{ host: ServerHost; port: number }> {
    const host = engine.createServerHost({ toStatus: (error, path) => toStatus(error, path, logger) });
    host.add(textMethod(handler.kind), handler);
    onTestFinished(() => host.drain(0));
    return { host, port: await host.listen(`127.0.0.1:${port}`) };
  }

  function connect(port: number): Transport {
    const transport = engine.connect(`127.0.0.1:${port}`);
    onTestFinished(() => transport.close());
    return transport;
  }

  async function connectTo(handler: EngineHandler<string, string>): Promise<Transport> {
    return connect((await serve(handler)).port);
  }

  const echo: EngineHandler<string, string> = { kind: 'unary', handle: async (read) => read() };

  describe('a transport', () => {
    it('reaches a server again soon after it was restarted', async () => {
      const first = await serve(echo);
      const transport = connect(first.port);
      expect(await transport.unary(unary, 'one', call)).toBe('one');

      await first.host.drain(0);
      await expect(transport.unary(unary, 'two', call)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
      await serve(echo, first.port);

      await eventually(async () => expect(await transport.unary(unary, 'three', call).catch(String)).toBe('three'), {
        timeoutMs: 3_000,
        intervalMs: 50,
      });
    });

    it('gives up an attempt to connect to what never speaks HTTP/2', async () => {
      const silent = createServer().listen(0, '127.0.0.1');
      onTestFinished(() => void silent.close());
      await once(silent, 'listening');
      const address = silent.address();
      if (address === null || typeof address === 'string') throw new Error('no port');
      const transport = connect(address.port);

      const outcome = expect(transport.unary(unary, 'hello', call)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
      const [socket] = await once(silent, 'connection');
      await once(socket.resume(), 'close');

      await outcome;
    });

    it('refuses calls after it was closed', async () => {
      const transport = await connectTo(echo);
      transport.close();

      await expect(transport.unary(unary, 'late', call)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
      await expect(Array.fromAsync(transport.serverStreaming(serverStreaming, 'late', call))).rejects.toBeInstanceOf(
        ClientError,
      );
    });

    it('refuses a response of more than 4 MiB', async () => {
      const transport = await connectTo({ kind: 'unary', handle: async () => 'x'.repeat(4 * 1024 * 1024 + 1) });

      await expect(transport.unary(unary, '', call)).rejects.toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    });

    it('fails with INTERNAL on a response that is no message', async () => {
      const unreadable = {
        decodeResponse: () => {
          throw new Error('bad tag');
        },
      };
      const one = await connectTo(echo);
      const many = await connectTo({
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
      const transport = await connectTo(echo);

      await transport.unary(unary, 'one', { ...call, signal });

      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    });
  });

  describe('a stream of responses', () => {
    const total = 2_000;
    const text = 'x'.repeat(10_000);

    it('holds the server back while its reader is busy, and loses nothing', async () => {
      let sent = 0;
      const transport = await connectTo({
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
      const transport = await connectTo({
        kind: 'server-streaming',
        async *handle(_, { signal }) {
          signal.addEventListener('abort', () => cancelled.resolve());
          for (let sent = 0; ; sent++) yield String(sent);
        },
      });

      for await (const _ of transport.serverStreaming(serverStreaming, '', call)) break;

      await expect(cancelled.promise).resolves.toBeUndefined();
    });

    it('is not asked for before it is read', async () => {
      let calls = 0;
      const transport = await connectTo({
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

    it('tells its error once and is over then', async () => {
      const transport = await connectTo({
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
      const transport = await connectTo({
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
      const transport = await connectTo({
        kind: 'client-streaming',
        handle: async (requests) => (await Array.fromAsync(requests)).join(','),
      });

      expect(await transport.clientStreaming(clientStreaming, texts('a', 'b', 'c'), call)).toBe('a,b,c');
    });

    it('tells its source when the server wants no more', async () => {
      const left = Promise.withResolvers<void>();
      const transport = await connectTo({
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

    it('goes on beside its responses', async () => {
      const transport = await connectTo({
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

    it('passes on what its source failed with', async () => {
      const fault = new Error('the file ended early');
      const transport = await connectTo({
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

  async function* texts(...all: string[]) {
    yield* all;
  }

  /** Resolves when `count` has not changed for 50 turns of the event loop; rejects when it has. */
  async function standsStill(count: () => number): Promise<void> {
    const before = count();
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    if (count() !== before) throw new Error('it still moves');
  }
}
