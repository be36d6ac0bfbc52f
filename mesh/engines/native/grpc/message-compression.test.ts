import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { toStatus } from '../../../errors/to-status.ts';
import { rawCall, rawConnection } from '../../../server/testing/raw-call.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { grpcFrame, readGrpcFrames, type WireMessage } from '../../../testing/grpc-frame.ts';
import type { EngineHandler, ServerHostOptions } from '../../engine.ts';
import { serveRaw } from '../../suite/transport/raw-server.ts';
import { connectNative } from '../connect.ts';
import { callOf, textMethod } from '../testing/text-methods.ts';
import { exchange } from '../testing/wire-exchange.ts';
import { announcedBytes, CompressedMessage, decompressAhead, plainBytes } from './compression.ts';
import { createServerHost } from './server/server-host.ts';

const logger = createLogger('silent');
const kib = 1024;
const text = 'x'.repeat(1_000);

/** Serves one method; returns the address. The maximum message size is 64 KiB. */
async function serve(handler: EngineHandler<string, string>): Promise<string> {
  const toWire: ServerHostOptions['toStatus'] = (error, call) => toStatus(error, call, logger);
  const host = createServerHost({ maxReceiveBytes: 64 * kib, toStatus: toWire });
  host.add(textMethod(handler.kind), handler);
  onTestFinished(() => host.drain(0));
  return `127.0.0.1:${await host.listen('127.0.0.1:0')}`;
}

function connect(address: string) {
  const transport = connectNative(address);
  onTestFinished(() => transport.close());
  return transport;
}

const plain = (body: string): WireMessage => ({ isCompressed: false, bytes: Buffer.from(body) });
const gzipped = (body: string): WireMessage => ({ isCompressed: true, bytes: gzipSync(body) });

describe('a handler', () => {
  const toggling: EngineHandler<string, string> = {
    kind: 'server-streaming',
    async *handle(read, call) {
      const request = read();
      for (const isCompressed of [false, true, false, true]) {
        call.compressReplies = isCompressed;
        yield request;
      }
    },
  };

  it('chooses compression for each reply', async () => {
    const accepts = { 'grpc-accept-encoding': 'deflate,gzip' };
    const { header, messages } = await exchange(await serve(toggling), '/t/server-streaming', plain(text), accepts);
    expect(header['grpc-encoding']).toBe('gzip');
    expect(messages.map(({ isCompressed }) => isCompressed)).toEqual([false, true, false, true]);
  });

  it('compresses with deflate for a caller that supports only that', async () => {
    const accepts = { 'grpc-accept-encoding': 'identity, deflate' };
    const { header, messages } = await exchange(await serve(toggling), '/t/server-streaming', plain(text), accepts);
    expect(header['grpc-encoding']).toBe('deflate');
    expect(inflateSync(messages[1]?.bytes ?? '').toString()).toBe(text);
  });

  it('does not compress for a caller without a common encoding', async () => {
    const accepts = { 'grpc-accept-encoding': 'identity,snappy' };
    const { header, messages } = await exchange(await serve(toggling), '/t/server-streaming', plain(text), accepts);
    expect(header['grpc-encoding']).toBeUndefined();
    expect(messages.every(({ isCompressed }) => !isCompressed)).toBe(true);
  });

  it('may decide after it has sent the header', async () => {
    const address = await serve({
      kind: 'unary',
      handle: async (read, call) => {
        call.sendHeader();
        call.compressReplies = true;
        return read();
      },
    });
    const { messages } = await exchange(address, '/t/unary', plain(text), { 'grpc-accept-encoding': 'gzip' });
    expect(messages).toMatchObject([{ isCompressed: true }]);
  });

  it('gets for each request whether it was compressed', async () => {
    const seen: unknown[] = [];
    const address = await serve({
      kind: 'client-streaming',
      handle: async (requests, call) => {
        seen.push(call.requestCompressed);
        for await (const request of requests) seen.push([request, call.requestCompressed]);
        return '';
      },
    });
    async function* requests() {
      yield* ['a', 'B', 'c'];
    }
    const compressRequests = (request: unknown) => request === 'B';
    const options = callOf({ compressRequests });
    await connect(address).clientStreaming(textMethod('client-streaming'), requests(), options);
    expect(seen).toEqual([undefined, ['a', false], ['B', true], ['c', false]]);
  });
});

describe('a compressed request', () => {
  const echo: EngineHandler<string, string> = { kind: 'unary', handle: async (read) => read().slice(0, 3) };

  it('is read up to the maximum size, and is RESOURCE_EXHAUSTED above it', async () => {
    const transport = connect(await serve(echo));
    const send = (bytes: number) =>
      transport.unary(textMethod('unary'), 'x'.repeat(bytes), callOf({ compressRequests: true }));
    expect(await send(64 * kib)).toBe('xxx');
    await expect(send(64 * kib + 1)).rejects.toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
  });

  it.each([
    ['it is damaged', { isCompressed: true, bytes: Buffer.from('no gzip') }, { 'grpc-encoding': 'gzip' }],
    ['its encoding is not the announced one', gzipped('a'), { 'grpc-encoding': 'deflate' }],
    ['grpc-encoding is missing', gzipped('a'), {}],
  ])('is INTERNAL if %s', async (_, message, headers) => {
    const { end } = await exchange(await serve(echo), '/t/unary', message, headers);
    expect(end['grpc-status']).toBe(`${Status.INTERNAL}`);
  });
});

describe('a compressed reply', () => {
  /** Answers every call with this message. */
  async function replying(message: WireMessage, encoding?: string) {
    const { address } = await serveRaw((stream) => {
      const fields = { ':status': 200, 'content-type': 'application/grpc' };
      stream.respond(encoding === undefined ? fields : { ...fields, 'grpc-encoding': encoding }, {
        waitForTrailers: true,
      });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(grpcFrame(message.bytes, message.isCompressed));
    });
    return connect(address);
  }

  const once = async (message: WireMessage, encoding?: string) =>
    (await replying(message, encoding)).unary(textMethod('unary'), '', callOf());
  const many = async (message: WireMessage, encoding?: string) => {
    const transport = await replying(message, encoding);
    return Array.fromAsync(transport.serverStreaming(textMethod('server-streaming'), '', callOf()));
  };

  it('is decompressed', async () => {
    expect(await once(gzipped('hello'), 'gzip')).toBe('hello');
    expect(await many({ isCompressed: true, bytes: deflateSync('hello') }, 'deflate')).toEqual(['hello']);
  });

  it.each([
    ['its encoding is unknown', gzipped('a'), 'snail', 'snail'],
    ['it is damaged', { isCompressed: true, bytes: Buffer.from('no gzip') }, 'gzip', 'cannot be decompressed'],
    ['grpc-encoding is missing', gzipped('a'), undefined, 'grpc-encoding is missing'],
  ])('is INTERNAL if %s', async (_, message, encoding, says) => {
    const error = { code: Status.INTERNAL, details: expect.stringContaining(says) };
    await expect(once(message, encoding)).rejects.toMatchObject(error);
    await expect(many(message, encoding)).rejects.toMatchObject(error);
  });

  it('is RESOURCE_EXHAUSTED above the maximum size', async () => {
    const bomb = gzipped('x'.repeat(4 * kib * kib + 1));
    await expect(once(bomb, 'gzip')).rejects.toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
    await expect(many(bomb, 'gzip')).rejects.toMatchObject({ code: Status.RESOURCE_EXHAUSTED });
  });
});

describe('a large compressed message of a call that has ended', () => {
  it('is not decompressed, not even when it is read', async () => {
    const message = new CompressedMessage(gzipSync(Buffer.alloc(kib * kib)));
    const maxBytes = 4 * kib * kib;
    await decompressAhead(message, { encoding: 'gzip', maxBytes, owner: undefined, isWanted: () => false });
    expect(() => plainBytes(message, 'gzip', 4 * kib * kib)).toThrow(expect.objectContaining({ name: 'AbortError' }));
  });
});

describe('a large reply that is compressed', () => {
  const large = 'x'.repeat(4 * kib * kib);
  const replyTo = (request: string) => (request === 'large' ? large : request);
  const handlers: readonly EngineHandler<string, string>[] = [
    {
      kind: 'unary',
      async handle(read, call) {
        call.compressReplies = true;
        return replyTo(read());
      },
    },
    {
      kind: 'server-streaming',
      async *handle(read, call) {
        call.compressReplies = true;
        yield replyTo(read());
        yield 'last';
      },
    },
  ];

  it.each(handlers)('lets other calls of its connection be answered meanwhile ($kind)', async (handler) => {
    const session = await rawConnection(await serve(handler));
    onTestFinished(() => session.destroy());
    const order: string[] = [];
    const send = async (request: string) => {
      const accepts = { 'grpc-accept-encoding': 'gzip' };
      const { body } = await rawCall(session, `/t/${handler.kind}`, grpcFrame(Buffer.from(request)), accepts);
      order.push(request);
      return readGrpcFrames(body).map(({ bytes }) => gunzipSync(bytes).toString());
    };
    const [reply] = await Promise.all([send('large'), send('small'), send('small')]);
    expect(order).toEqual(['small', 'small', 'large']);
    expect(reply).toEqual(handler.kind === 'unary' ? [large] : [large, 'last']);
  });
});

describe('the threads that compress', () => {
  it('take turns between connections', async () => {
    const maxBytes = 4 * kib * kib;
    const zipped = gzipSync(Buffer.alloc(maxBytes));
    const done: string[] = [];
    const decompress = async (owner: string) => {
      await decompressAhead(new CompressedMessage(zipped), { encoding: 'gzip', maxBytes, owner, isWanted: () => true });
      done.push(owner);
    };
    const busy = Array.from({ length: 30 }, () => decompress('busy'));
    await Promise.all([decompress('other'), decompress('another')]);
    expect(done.length).toBeLessThan(10);
    await Promise.all(busy);
  });
});

describe('the announced size of a compressed message', () => {
  const maxBytes = 4 * kib * kib;
  const sizeOf = (bytes: Buffer) => announcedBytes(new CompressedMessage(bytes), 'gzip', maxBytes);

  it.each([0, 1_000, maxBytes])('is that of its content: %i bytes', (bytes) => {
    expect(sizeOf(gzipSync(Buffer.alloc(bytes)))).toBeGreaterThanOrEqual(bytes);
    expect(sizeOf(gzipSync(Buffer.alloc(bytes)))).toBeLessThanOrEqual(bytes + 20);
  });

  it('is no more than its bytes can hold', () => {
    const lying = gzipSync('a');
    lying.writeUInt32LE(maxBytes, lying.length - 4);
    expect(sizeOf(lying)).toBeLessThan(32 * kib);
  });
});
