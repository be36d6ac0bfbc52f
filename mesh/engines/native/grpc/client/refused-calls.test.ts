import { constants } from 'node:http2';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../../../testing/eventually.ts';
import { http2Frame } from '../../../../testing/http2-frame.ts';
import type { Transport } from '../../../engine.ts';
import { connectNative } from '../../engine.ts';
import { clientPreface, ErrorCode, Flag, FrameType } from '../../http2/codec/frames.ts';
import { literalFields } from '../../http2/codec/literal-fields.ts';
import { answer, serveRaw } from '../../testing/grpc-server.ts';
import { serveTcp } from '../../testing/tcp-server.ts';
import { callOf, textMethod } from '../../testing/text-methods.ts';

const unary = textMethod('unary');

function connect(address: string): Transport {
  const transport = connectNative(address);
  onTestFinished(() => transport.close());
  return transport;
}

const hello = (transport: Transport) => transport.unary(unary, 'hello', callOf());

/** The number of HEADERS frames that a client has sent. */
function openedStreams(sent: Buffer): number {
  let count = 0;
  for (let at = clientPreface.length; at + 9 <= sent.length; at += 9 + sent.readUIntBE(at, 3)) {
    if (sent[at + 3] === FrameType.HEADERS) count += 1;
  }
  return count;
}

describe('a call that the server refuses before it has begun', () => {
  it('is retried', async () => {
    let streams = 0;
    const { address } = await serveRaw((stream, count) => {
      streams = count;
      if (count < 3) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else answer(stream);
    });
    expect(await hello(connect(address))).toBe('hello');
    expect(streams).toBe(3);
  });

  it('is UNAVAILABLE after the third attempt', async () => {
    let streams = 0;
    const { address } = await serveRaw((stream, count) => {
      streams = count;
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
    });
    await expect(hello(connect(address))).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(streams).toBe(3);
  });

  async function* nothingYet() {
    yield* await new Promise<never[]>(() => undefined);
  }

  it.each<[string, (transport: Transport) => Promise<unknown>]>([
    ['a unary call', hello],
    [
      'a stream without requests so far',
      (transport) => Array.fromAsync(transport.bidiStreaming(textMethod('bidi-streaming'), nothingYet(), callOf())),
    ],
  ])('is not retried if its response has begun: %s', async (_, call) => {
    const header = literalFields([':status', '200', 'content-type', 'application/grpc']);
    const refused = Buffer.concat([
      http2Frame(FrameType.HEADERS, Flag.END_HEADERS, 1, header),
      http2Frame(FrameType.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, ErrorCode.REFUSED_STREAM])),
    ]);
    let sent = Buffer.alloc(0);
    const address = await serveTcp((socket) => {
      socket.write(http2Frame(FrameType.SETTINGS, 0, 0));
      socket.on('data', (chunk) => {
        const before = openedStreams(sent);
        sent = Buffer.concat([sent, chunk]);
        if (openedStreams(sent) > before) socket.write(refused);
      });
    });
    await expect(call(connect(address))).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(openedStreams(sent)).toBe(1);
  });

  it('is not retried if it sent more than the retry buffer holds', async () => {
    const { promise: refused, resolve: refuse } = Promise.withResolvers<void>();
    let streams = 0;
    const { address } = await serveRaw((stream, count) => {
      streams = count;
      refused.then(() => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    });
    const transport = connect(address);
    async function* requests() {
      yield 'one';
      await eventually(() => expect(streams).toBe(1));
      yield 'two';
      refuse();
      await new Promise(() => undefined);
    }
    const call = transport.clientStreaming(textMethod('client-streaming'), requests(), callOf());
    await expect(call).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(streams).toBe(1);
  });
});
