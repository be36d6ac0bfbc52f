import { deflateSync } from 'node:zlib';
import { Status } from 'nice-grpc-common';
import { beforeAll, expect } from 'vitest';
import { sizeOf } from './our-client/message-cases.ts';
import { describeEachEngine, serveTestService } from './support/each-engine.ts';
import { itConforms } from './support/known-gaps.ts';
import { rawExchange } from './support/raw-exchange.ts';
import { gzipped, opened, plain, type WireMessage, wireBytes } from './support/wire-messages.ts';
import { payloadOf, type SimpleRequest } from './test-service/messages.ts';
import { loadTestMethods, type TestMethods } from './test-service/methods.ts';

// The clients of others run the standard cases of compression, but do not look whether a reply came compressed.
describeEachEngine('compression by a server', (engine) => {
  let methods: TestMethods;
  beforeAll(() => {
    methods = loadTestMethods();
  });
  const port = serveTestService(engine);
  const itDoes = (name: string, run: () => Promise<void>) => itConforms(`${engine} server`, name, run);

  const unary = async (message: WireMessage, headers: Readonly<Record<string, string>>) => {
    const { path, decodeResponse } = methods.unaryCall;
    const { header, end, messages } = await rawExchange(port(), path, wireBytes(message), headers);
    return { header, end, replies: messages, sizes: messages.map((reply) => sizeOf(decodeResponse(opened(reply)))) };
  };
  const request = (fields: SimpleRequest) => methods.unaryCall.encodeRequest(fields);
  const asking = () => plain(request({ responseSize: 1_000, responseCompressed: { value: true } }));

  itDoes('reads a gzipped request', async () => {
    const { end, sizes } = await unary(gzipped(request({ responseSize: 7 })), { 'grpc-encoding': 'gzip' });
    expect(end['grpc-status']).toBe('0');
    expect(sizes).toEqual([7]);
  });

  itDoes('reads a deflated request', async () => {
    const message = { isCompressed: true, bytes: deflateSync(request({ responseSize: 7 })) };
    expect((await unary(message, { 'grpc-encoding': 'deflate' })).sizes).toEqual([7]);
  });

  itDoes('reads plain messages of a stream among gzipped ones', async () => {
    const { path, encodeRequest, decodeResponse } = methods.streamingInputCall;
    const bytes = encodeRequest({ payload: payloadOf(1_000) });
    const body = wireBytes(gzipped(bytes), plain(bytes), gzipped(bytes));
    const { messages } = await rawExchange(port(), path, body, { 'grpc-encoding': 'gzip' });
    expect(messages.map(({ bytes }) => decodeResponse(bytes))).toEqual([{ aggregatedPayloadSize: 3_000 }]);
  });

  itDoes('refuses an encoding that it does not know', async () => {
    const { end } = await unary(gzipped(request({})), { 'grpc-encoding': 'snail' });
    expect(end['grpc-status']).toBe(`${Status.UNIMPLEMENTED}`);
  });

  itDoes('names the encodings that it knows when it refuses one', async () => {
    const { header } = await unary(gzipped(request({})), { 'grpc-encoding': 'snail' });
    expect(`${header['grpc-accept-encoding']}`.split(','), 'its encodings').toContain('gzip');
  });

  itDoes('refuses a message that is compressed, but not said how', async () => {
    const { end } = await unary(gzipped(request({})), {});
    expect(end['grpc-status'], 'its status').toBe(`${Status.INTERNAL}`);
  });

  itDoes('compresses a reply when it is asked to', async () => {
    const { header, replies, sizes } = await unary(asking(), { 'grpc-accept-encoding': 'gzip' });
    expect(replies, 'is compressed').toMatchObject([{ isCompressed: true }]);
    expect(header['grpc-encoding']).toBe('gzip');
    expect(sizes).toEqual([1_000]);
  });

  itDoes('compresses no reply for a client that cannot read it', async () => {
    const { replies, sizes } = await unary(asking(), {});
    expect(replies).toMatchObject([{ isCompressed: false }]);
    expect(sizes).toEqual([1_000]);
  });

  itDoes('compresses no reply that it is not asked to', async () => {
    const { replies } = await unary(plain(request({ responseSize: 1_000 })), { 'grpc-accept-encoding': 'gzip' });
    expect(replies).toMatchObject([{ isCompressed: false }]);
  });

  itDoes('compresses those messages of a stream that it is asked to, and no others', async () => {
    const { path, encodeRequest, decodeResponse } = methods.streamingOutputCall;
    const responseParameters = [true, false].map((value) => ({ size: 1_000, compressed: { value } }));
    const body = wireBytes(plain(encodeRequest({ responseParameters })));
    const { messages } = await rawExchange(port(), path, body, { 'grpc-accept-encoding': 'gzip' });
    expect(messages.map((reply) => sizeOf(decodeResponse(opened(reply))))).toEqual([1_000, 1_000]);
    expect(messages[0], 'is compressed').toMatchObject({ isCompressed: true });
    expect(messages[1], 'is left as it is').toMatchObject({ isCompressed: false });
  });
});
