import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { Metadata, Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTestCa } from '../../testing/certificates.ts';
import { tlsSuite } from '../suite/tls.suite.ts';
import { nativeEngine } from './engine.ts';
import { textMethod } from './testing/text-methods.ts';

describe('on native', () => {
  tlsSuite(nativeEngine);

  it('refuses a server that does not select HTTP/2, as a client over TLS', async () => {
    const ca = await createTestCa();
    const server = createServer({ ...(await ca.sign('localhost')) }, (socket) => socket.on('error', () => undefined));
    server.listen(0, 'localhost');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const address = `localhost:${(server.address() as AddressInfo).port}`;
    const transport = nativeEngine.connect(address, { tls: { ca: ca.cert } });
    onTestFinished(() => transport.close());

    const call = { metadata: Metadata(), deadlineMs: undefined, signal: undefined };
    await expect(transport.unary(textMethod('unary'), 'hello', call)).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      details: expect.stringMatching(`^${address} .*ALPN.*; check that a gRPC server listens there`),
    });
  });
});
