import { deflateSync } from 'node:zlib';
import { Status } from 'nice-grpc-common';
import { beforeAll, expect } from 'vitest';
import type { WireMessage } from '../../mesh/testing/grpc-frame.ts';
import { sizeOf } from './our-client/message-cases.ts';
import { describeEachEngine, serveTestService } from './support/each-engine.ts';
import { itConforms } from './support/known-gaps.ts';
import { rawExchange } from './support/raw-exchange.ts';
import { decompressed, gzipped, plain, wireBytes } from './support/wire-messages.ts';
import { payloadOf, type SimpleRequest } from './test-service/messages.ts';
import { loadTestMethods, type TestMethods } from './test-service/methods.ts';

// Third-party clients run the standard compression cases, but do not check whether a response is compressed.
describeEachEngine('compression by a server', (engine) => {
  let methods: TestMethods;
  beforeAll(() => {
    methods = loadTestMethods();
  });
  const port = serveTestService(engine);
  const itPasses = (name: string, run: () => Promise<void>) => itConforms(`${engine} server`, name, run);

  const unary = async (message: WireMessage, headers: Readonly<Record<string, string>>) => {
    const { path, decodeResponse } = methods.unaryCall;
    const { header, end, messages } = await rawExchange(port(), path, wireBytes(message), headers);
    return {
      header,
      end,
      replies: messages,
      sizes: messages.map((reply) => sizeOf(decodeResponse(decompressed(reply)))),
    };
  };
  const request = (fields: SimpleRequest) => methods.unaryCall.encodeRequest(fields);
  const compressedResponse = () => plain(request({ responseSize: 1_000, responseCompressed: { value: true } }));

  itPasses('reads a gzipped request', async () => {
    const { end, sizes } = await unary(gzipped(request({ responseSize: 7 })), { 'grpc-encoding': 'gzip' });
    expect(end['grpc-status']).toBe('0');
    expect(sizes).toEqual([7]);
  });

  itPasses('reads a deflated request', async () => {
    const message = { isCompressed: true, bytes: deflateSync(request({ responseSize: 7 })) };
    expect((await unary(message, { 'grpc-encoding': 'deflate' })).sizes).toEqual([7]);
  });

  itPasses('reads plain and gzipped messages in the same stream', async () => {
    const { path, encodeRequest, decodeResponse } = methods.streamingInputCall;
    const bytes = encodeRequest({ payload: payloadOf(1_000) });
    const body = wireBytes(gzipped(bytes), plain(bytes), gzipped(bytes));
    const { messages } = await rawExchange(port(), path, body, { 'grpc-encoding': 'gzip' });
    expect(messages.map(({ bytes }) => decodeResponse(bytes))).toEqual([{ aggregatedPayloadSize: 3_000 }]);
  });

  itPasses('rejects an unknown encoding', async () => {
    const { end } = await unary(gzipped(request({})), { 'grpc-encoding': 'snail' });
    expect(end['grpc-status']).toBe(`${Status.UNIMPLEMENTED}`);
  });

  itPasses('lists the supported encodings when it rejects one', async () => {
    const { header } = await unary(gzipped(request({})), { 'grpc-encoding': 'snail' });
    expect(`${header['grpc-accept-encoding']}`.split(','), 'its encodings').toContain('gzip');
  });

  itPasses('rejects a compressed message without an encoding', async () => {
    const { end } = await unary(gzipped(request({})), {});
    expect(end['grpc-status'], 'its status').toBe(`${Status.INTERNAL}`);
  });

  itPasses('compresses a response on request', async () => {
    const { header, replies, sizes } = await unary(compressedResponse(), { 'grpc-accept-encoding': 'gzip' });
    expect(replies, 'is compressed').toMatchObject([{ isCompressed: true }]);
    expect(header['grpc-encoding']).toBe('gzip');
    expect(sizes).toEqual([1_000]);
  });

  itPasses('does not compress a response for a client that cannot read it', async () => {
    const { replies, sizes } = await unary(compressedResponse(), {});
    expect(replies).toMatchObject([{ isCompressed: false }]);
    expect(sizes).toEqual([1_000]);
  });

  itPasses('does not compress a response unless requested', async () => {
    const { replies } = await unary(plain(request({ responseSize: 1_000 })), { 'grpc-accept-encoding': 'gzip' });
    expect(replies).toMatchObject([{ isCompressed: false }]);
  });

  itPasses('compresses only the requested messages of a stream', async () => {
    const { path, encodeRequest, decodeResponse } = methods.streamingOutputCall;
    const responseParameters = [true, false].map((value) => ({ size: 1_000, compressed: { value } }));
    const body = wireBytes(plain(encodeRequest({ responseParameters })));
    const { messages } = await rawExchange(port(), path, body, { 'grpc-accept-encoding': 'gzip' });
    expect(messages.map((reply) => sizeOf(decodeResponse(decompressed(reply))))).toEqual([1_000, 1_000]);
    expect(messages[0], 'is compressed').toMatchObject({ isCompressed: true });
    expect(messages[1], 'is not compressed').toMatchObject({ isCompressed: false });
  });
});
