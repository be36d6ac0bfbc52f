import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createTestCa } from '../testing/certificates.ts';
import { eventually } from '../testing/eventually.ts';
import type { ConnectionEnd } from './host-observer.ts';
import { createListener } from './listener.ts';
import { fixedIdentity } from './tls/fixed-identity.ts';

async function listen(maxConnections: number, tlsOrPlain: 'tls' | 'plain' = 'tls', maxConnectionsPerAddress = 1_000) {
  const ca = await createTestCa();
  const ended: ConnectionEnd[] = [];
  const accepted: Socket[] = [];
  const observer = { connectionEnded: (end: ConnectionEnd) => void ended.push(end), callRefused: () => undefined };
  const identity = fixedIdentity({ ...(await ca.sign('localhost')), ca: ca.cert });
  const tls = tlsOrPlain === 'tls' ? ({ identity, clients: 'none' } as const) : undefined;
  const listener = createListener({ tls, maxConnections, maxConnectionsPerAddress, observer }, (socket) =>
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

  it('closes connections of an address with 200 unfinished handshakes, and counts no finished ones', async () => {
    const { port, ca, ended, accepted, listener } = await listen(1_000);
    const good = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca, ALPNProtocols: ['h2'] });
    onTestFinished(() => void good.destroy());
    await once(good, 'secureConnect');
    await eventually(() => expect(accepted).toHaveLength(1));
    const unfinished = [];
    for (let count = 0; count < 200; count += 1) unfinished.push(await connectTo(port));
    await connectTo(port);
    await eventually(() => expect(ended).toMatchObject([{ reason: 'too_many_handshakes' }]));
    unfinished[0]?.destroy();
    await eventually(() => expect(listener.openConnections).toBe(200));
    const after = connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca, ALPNProtocols: ['h2'] });
    after.on('error', () => undefined);
    onTestFinished(() => void after.destroy());
    await eventually(() => expect(accepted).toHaveLength(2));
  });
});

describe('a listener', () => {
  it('answers connections of an address above its limit with a status of HTTP/1.1, and serves other addresses', async () => {
    const { port, ended, accepted, listener } = await listen(10, 'plain', 2);
    for (let count = 0; count < 2; count += 1) await connectTo(port);
    await eventually(() => expect(listener.openConnections).toBe(2));
    const answer = await text(await connectTo(port));
    expect(answer).toMatch(/^HTTP\/1\.1 503 [\s\S]*all 2 connections of your address are in use/);
    expect(ended).toMatchObject([
      { reason: 'too_many_of_address', problem: 'all 2 connections of its address are in use' },
    ]);
    await once(connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' }), 'connect');
    await eventually(() => expect(accepted).toHaveLength(3));
  });
});
