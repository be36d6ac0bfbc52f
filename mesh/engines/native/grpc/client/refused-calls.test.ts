import { constants } from 'node:http2';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../../../testing/eventually.ts';
import type { Transport } from '../../../engine.ts';
import { answer, serveRaw, serveRefusedResponse } from '../../../suite/transport/raw-server.ts';
import { connectNative } from '../../connect.ts';
import { callOf, textMethod } from '../../testing/text-methods.ts';

const unary = textMethod('unary');

function connect(address: string): Transport {
  const transport = connectNative(address);
  onTestFinished(() => transport.close());
  return transport;
}

const hello = (transport: Transport) => transport.unary(unary, 'hello', callOf());

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
    const { address, openedStreams } = await serveRefusedResponse();
    await expect(call(connect(address))).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    expect(openedStreams()).toBe(1);
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
