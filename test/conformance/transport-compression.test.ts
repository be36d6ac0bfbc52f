import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { deflateSync } from 'node:zlib';
import { Status } from 'nice-grpc-common';
import { beforeAll, expect } from 'vitest';
import type { TransportCall } from '../../mesh/engines/engine.ts';
import { engineByName } from '../../mesh/engines/engines.ts';
import { readGrpcFrames, type WireMessage } from '../../mesh/testing/grpc-frame.ts';
import { callOf } from './our-client/case.ts';
import { sizeOf } from './our-client/message-cases.ts';
import { describeEachEngine } from './support/each-engine.ts';
import { itConforms } from './support/known-gaps.ts';
import { gzipped, plain, wireBytes } from './support/wire-messages.ts';
import { payloadOf } from './test-service/messages.ts';
import { loadTestMethods, type TestMethods } from './test-service/methods.ts';

describeEachEngine('compression by a transport', (engine) => {
  let methods: TestMethods;
  beforeAll(() => {
    methods = loadTestMethods();
  });
  const itPasses = (name: string, run: () => Promise<void>) => itConforms(`${engine} transport`, name, run);

  /** Calls a server that returns this response. Returns the response size and the request messages. */
  const exchange = async (reply: WireMessage, encoding: string, options: Partial<TransportCall> = {}) => {
    const { promise: seen, resolve } = Promise.withResolvers<WireMessage[]>();
    const server = createServer();
    server.on('stream', async (stream) => {
      resolve(readGrpcFrames(Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>))));
      stream.respond({ 'content-type': 'application/grpc', 'grpc-encoding': encoding }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(wireBytes(reply));
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    const transport = (await engineByName(engine)).connect(`127.0.0.1:${port}`);
    try {
      const request = { payload: payloadOf(1_000) };
      const size = sizeOf(await transport.unary(methods.unaryCall, request, callOf(options)));
      return { size, requests: await seen };
    } finally {
      transport.close();
      server.close();
    }
  };
  const reply = () => methods.unaryCall.encodeResponse({ payload: payloadOf(1_000) });

  itPasses('reads a gzipped response', async () => {
    expect((await exchange(gzipped(reply()), 'gzip')).size).toBe(1_000);
  });

  itPasses('reads a deflated response', async () => {
    const deflated = { isCompressed: true, bytes: deflateSync(reply()) };
    expect((await exchange(deflated, 'deflate')).size).toBe(1_000);
  });

  itPasses('rejects a response with an unknown encoding', async () => {
    const rejected = expect(exchange(gzipped(reply()), 'snail'), 'its error').rejects;
    await rejected.toMatchObject({ code: Status.INTERNAL });
  });

  itPasses('compresses a request on request of the caller', async () => {
    const { requests } = await exchange(plain(reply()), 'identity', { compressRequests: true });
    expect(requests, 'is compressed').toMatchObject([{ isCompressed: true }]);
  });

  itPasses('does not compress a request unless the caller asks for it', async () => {
    const { requests } = await exchange(plain(reply()), 'identity', { compressRequests: () => false });
    expect(requests).toMatchObject([{ isCompressed: false }]);
  });
});
