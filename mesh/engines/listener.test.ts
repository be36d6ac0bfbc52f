import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTestCa } from '../testing/certificates.ts';
import { eventually } from '../testing/eventually.ts';
import type { ConnectionEnd } from './host-observer.ts';
import { createListener } from './listener.ts';
import { fixedIdentity } from './tls/fixed-identity.ts';

async function listen(maxConnections: number) {
  const ca = await createTestCa();
  const ended: ConnectionEnd[] = [];
  const accepted: Socket[] = [];
  const observer = { connectionEnded: (end: ConnectionEnd) => void ended.push(end), callRefused: () => undefined };
  const identity = fixedIdentity({ ...(await ca.sign('localhost')), ca: ca.cert });
  const tls = { identity, clients: 'none' } as const;
  const listener = createListener({ tls, maxConnections, maxConnectionsPerAddress: 1_000, observer }, (socket) =>
    accepted.push(socket),
  );
  const port = await listener.listen('127.0.0.1:0');
  onTestFinished(async () => {
    listener.destroyAll();
    await listener.close();
  });
  return { port, ca: ca.cert, ended, accepted, listener };
}

async function connectTo(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

describe('a listener with TLS', () => {
  it('accepts 100 connections above the limit while they shake hands, and closes more', async () => {
    const { port, ended, listener } = await listen(5);
    for (let count = 0; count < 110; count += 1) await connectTo(port);
    await eventually(() => expect(ended).toHaveLength(5));
    expect(ended).toMatchObject(Array(5).fill({ reason: 'too_many_connections' }));
    await eventually(() => expect(listener.openConnections).toBe(5));
  });

  it('reports a client that does not speak TLS, or not HTTP/2', async () => {
    const { port, ca, ended } = await listen(5);
    (await connectTo(port)).write('GET / HTTP/1.1\r\n\r\n');
    await eventually(() => expect(ended).toHaveLength(1));
    const other = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca, ALPNProtocols: ['http/1.1'] });
    other.on('error', () => undefined);
    await eventually(() => expect(ended).toHaveLength(2));
    const peer = expect.stringMatching(/^127\.0\.0\.1:\d+$/);
    expect(ended).toEqual([
      { peer, reason: 'tls_handshake', problem: 'http request' },
      { peer, reason: 'tls_handshake', problem: 'no application protocol' },
    ]);
  });

  it('does not report a client that hangs up before its handshake', async () => {
    const { port, ended, listener } = await listen(5);
    (await connectTo(port)).end();
    (await connectTo(port)).resetAndDestroy();
    await eventually(() => expect(listener.openConnections).toBe(0));
    expect(ended).toEqual([]);
  });
});
