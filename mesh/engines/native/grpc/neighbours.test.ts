import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MeshError } from '../../../errors/mesh-error.ts';
import { toStatus } from '../../../errors/to-status.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { http2Frame } from '../../../testing/http2-frame.ts';
import type { EngineHandler, Transport } from '../../engine.ts';
import { connectNative } from '../connect.ts';
import { FrameReader } from '../http2/codec/frame-reader.ts';
import { defaultFrameBytes, Flag, FrameType } from '../http2/codec/frames.ts';
import { literalFields } from '../http2/codec/literal-fields.ts';
import { callOf, textMethod } from '../testing/text-methods.ts';
import { createServerHost } from './server/server-host.ts';

const logger = createLogger('silent');

async function serve(...handlers: EngineHandler<string, string>[]) {
  const host = createServerHost({ toStatus: (error, call) => toStatus(error, call, logger) });
  for (const handler of handlers) host.add(textMethod(handler.kind), handler);
  onTestFinished(() => host.drain(0));
  return { host, address: `127.0.0.1:${await host.listen('127.0.0.1:0')}` };
}

function connect(address: string): Transport {
  const transport = connectNative(address);
  onTestFinished(() => transport.close());
  return transport;
}

const unary = textMethod('unary');

describe('a call', () => {
  it('ends alone if its metadata callback throws', async () => {
    const gate = Promise.withResolvers<void>();
    const { address } = await serve({
      kind: 'unary',
      handle: async (read) => {
        const text = read();
        if (text === 'innocent') await gate.promise;
        return text;
      },
    });
    const transport = connect(address);
    const innocent = transport.unary(unary, 'innocent', callOf());
    const fails = () => {
      throw new Error('my fault');
    };
    const code = Status.INTERNAL;
    await expect(transport.unary(unary, 'a', callOf({ onHeader: fails }))).rejects.toMatchObject({ code });
    await expect(transport.unary(unary, 'a', callOf({ onTrailer: fails }))).rejects.toMatchObject({ code });
    gate.resolve();
    expect(await innocent).toBe('innocent');
  });

  it.each(['no user: x ', ' no user', '\tno user', ' '])('keeps the status text %j', async (text) => {
    const { address } = await serve({
      kind: 'unary',
      handle: async () => {
        throw new MeshError(Status.NOT_FOUND, 'NO_USER', text);
      },
    });
    const details = expect.stringContaining(text);
    await expect(connect(address).unary(unary, 'a', callOf())).rejects.toMatchObject({
      code: Status.NOT_FOUND,
      details,
    });
  });

  it('trims metadata values', async () => {
    const { address } = await serve({ kind: 'unary', handle: async (_, { metadata }) => metadata.get('who') ?? '' });
    const metadata = Metadata({ who: ' bob ' });
    expect(await connect(address).unary(unary, 'a', callOf({ metadata }))).toBe('bob');
  });

  it.each<[string, () => Parameters<typeof callOf>[0], Status]>([
    ['was cancelled', () => ({ signal: AbortSignal.abort() }), Status.CANCELLED],
    ['has no time left', () => ({ deadlineMs: Date.now() - 5_000 }), Status.DEADLINE_EXCEEDED],
  ])('does not reach the server if it %s before it began', async (_, options, code) => {
    const runs: string[] = [];
    const { address } = await serve({
      kind: 'unary',
      handle: async (read) => {
        runs.push(read());
        return read();
      },
    });
    const transport = connect(address);
    await transport.unary(unary, 'before', callOf());
    await expect(transport.unary(unary, 'never', callOf(options()))).rejects.toMatchObject({ code });
    await transport.unary(unary, 'after', callOf());
    expect(runs).toEqual(['before', 'after']);
  });

  it('releases its stream if it is answered before everything was sent', async () => {
    const refusal = literalFields([':status', '200', 'content-type', 'application/grpc', 'grpc-status', '8']);
    let open = 0;
    let most = 0;
    // Accepts ten streams at a time, answers immediately, and reads nothing of what is sent.
    const server = createTcpServer((socket) => {
      const sink = {
        closed: false,
        frame(type: number, _flags: number, streamId: number) {
          if (type === FrameType.HEADERS) {
            open += 1;
            most = Math.max(most, open);
            socket.write(http2Frame(FrameType.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, streamId, refusal));
          } else if (type === FrameType.RST_STREAM) open -= 1;
        },
      };
      const reader = new FrameReader(sink, { expectPreface: true, maxFrameBytes: defaultFrameBytes });
      socket.write(http2Frame(FrameType.SETTINGS, 0, 0, Buffer.from([0, 3, 0, 0, 0, 10])));
      socket.on('data', (chunk) => reader.push(chunk)).on('error', () => undefined);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const transport = connect(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    for (let count = 0; count < 25; count += 1) {
      const code = Status.RESOURCE_EXHAUSTED;
      await expect(transport.unary(unary, 'x'.repeat(1_000_000), callOf())).rejects.toMatchObject({ code });
    }
    expect(most).toBeLessThanOrEqual(2);
  });

  it('continues next to hundreds of responses that nobody reads', async () => {
    const piece = 'x'.repeat(32 * 1024);
    const { address } = await serve(
      { kind: 'unary', handle: async (read) => read() },
      {
        kind: 'server-streaming',
        async *handle() {
          for (let count = 0; count < 100; count += 1) yield piece;
        },
      },
    );
    const transport = connect(address);
    const unread = Array.from({ length: 250 }, () =>
      transport.serverStreaming(textMethod('server-streaming'), '', callOf())[Symbol.asyncIterator](),
    );
    for (const stream of unread) expect((await stream.next()).done).toBe(false);
    expect(await transport.unary(unary, 'on', callOf())).toBe('on');
    for (const stream of unread) await stream.return?.();
  });
});

describe('a draining server', () => {
  it('does not wait for a connection that has sent nothing', async () => {
    const { host, address } = await serve();
    const silent = connectTcp(Number(address.split(':')[1]), '127.0.0.1');
    onTestFinished(() => void silent.destroy());
    await new Promise((resolve) => silent.once('connect', resolve));
    const beganMs = performance.now();
    await host.drain(5_000);
    expect(performance.now() - beganMs).toBeLessThan(3_000);
  });
});
