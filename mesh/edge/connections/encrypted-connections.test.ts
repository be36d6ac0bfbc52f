import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect, type TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { TlsIdentity, TlsMaterial } from '../../engines/tls/tls-options.ts';
import { createTestCa, type TestCa } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import { startServer, type TestServer } from '../testing/test-server.ts';
import { httpPatience } from './patience.ts';

/** An identity that a test replaces. */
class ReplacedIdentity implements TlsIdentity {
  current: TlsMaterial;
  readonly #listeners = new Set<() => void>();

  constructor(material: TlsMaterial) {
    this.current = material;
  }

  get followers(): number {
    return this.#listeners.size;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  replace(material: TlsMaterial): void {
    this.current = material;
    for (const listener of this.#listeners) listener();
  }
}

let ca: TestCa;
let first: TlsMaterial;
let second: TlsMaterial;
beforeAll(async () => {
  ca = await createTestCa();
  [first, second] = (await Promise.all(
    ['first', 'second'].map(async (name) => ({ ...(await ca.sign('localhost', '127.0.0.1', name)), ca: ca.cert })),
  )) as [TlsMaterial, TlsMaterial];
});

const start = async (changes: Parameters<typeof startServer>[0] = {}) => {
  const identity = new ReplacedIdentity(first);
  return { identity, ...(await startServer({ tls: { identity }, ...changes })) };
};

async function get(port: number): Promise<string> {
  const outgoing = request({ port, host: '127.0.0.1', path: '/a', ca: ca.cert, agent: false }).end();
  const [response] = await once(outgoing, 'response');
  return await text(response);
}

function http2(port: number): ClientHttp2Session {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: ca.cert });
  onTestFinished(() => session.destroy());
  return session;
}

async function shake(port: number, options: object = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', ca: ca.cert, ...options });
  onTestFinished(() => void socket.on('error', () => undefined).destroy());
  await once(socket, 'secureConnect');
  return socket;
}

describe('a listener with TLS', () => {
  it('speaks both versions of HTTP on one port, as ALPN selects', async () => {
    const { port } = await start();
    expect(await get(port)).toBe('1.1 GET /a');
    expect(await text(http2(port).request({ ':path': '/b' }))).toBe('2.0 GET /b');
    const plain = await shake(port, { ALPNProtocols: undefined });
    plain.end('GET /c HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    expect(await text(plain)).toMatch(/^HTTP\/1.1 200 [\s\S]*1.1 GET \/c/);
  });

  it.each([
    ['a request', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['what is no protocol', '\0\0\0'],
  ])('refuses %s in the clear, and says why', async (_, bytes) => {
    const { exchange, ended } = await start();
    expect(await exchange(bytes)).toMatch(/^HTTP\/1.1 400 [\s\S]*call it as https:/);
    expect(ended).toMatchObject([{ reason: 'not_tls' }]);
  });

  it.each([
    ['another protocol', { ALPNProtocols: ['spdy/3'] }],
    ['an old version of TLS', { maxVersion: 'TLSv1.2' }],
  ])('refuses a client with %s', async (_, options) => {
    const { port, ended } = await start();
    await expect(shake(port, options)).rejects.toThrow();
    await eventually(() =>
      expect(ended).toMatchObject([{ reason: 'tls_handshake', peer: expect.stringMatching(/:\d+$/) }]),
    );
    expect(await get(port)).toBe('1.1 GET /a');
  });

  it('closes connections of an address with 200 unfinished handshakes', async () => {
    const { port, ended } = await start();
    // Answered, so the server has finished its handshake too, which does not count then.
    expect(await text(http2(port).request({ ':path': '/b' }))).toBe('2.0 GET /b');
    const open = async () => {
      const socket = connectTcp({ port, host: '127.0.0.1' }).on('error', () => undefined);
      onTestFinished(() => void socket.destroy());
      await once(socket, 'connect');
      socket.write(Buffer.from([0x16]));
      return socket;
    };
    const unfinished = await Promise.all(Array.from({ length: 201 }, open));
    await eventually(() => expect(ended).toMatchObject([{ reason: 'too_many_handshakes' }]));
    for (const socket of unfinished.slice(0, 10)) socket.destroy();
    await eventually(async () => expect(await get(port)).toBe('1.1 GET /a'));
  });

  it('uses a new certificate for new connections, and leaves the others alone', async () => {
    const { port, identity } = await start();
    const session = http2(port);
    expect(await text(session.request({ ':path': '/b' }))).toBe('2.0 GET /b');
    const names = async () => (await shake(port)).getPeerX509Certificate()?.subjectAltName;
    expect(await names()).toContain('DNS:first');
    identity.replace(second);
    expect(await names()).toContain('DNS:second');
    expect(() => identity.replace({ ...second, key: first.key })).toThrow('cannot be used');
    expect(await names()).toContain('DNS:second');
    expect(await text(session.request({ ':path': '/b' }))).toBe('2.0 GET /b');
  });

  it('does not start with a key of another certificate', async () => {
    const tls = { identity: new ReplacedIdentity({ ...first, key: second.key }) };
    await expect(startServer({ tls })).rejects.toMatchObject({ reason: 'INVALID_TLS' });
  });
});

describe('a handshake', () => {
  const clientHello = Buffer.from('16030100c8010000c40303', 'hex');

  it.each([
    ['that does not begin', Buffer.alloc(0)],
    ['that stops halfway', clientHello],
  ])('%s is ended, and those of others go on', async (_, bytes) => {
    const { open, port } = await start({ patience: { ...httpPatience, headMs: 300 }, handshakeMs: 300 });
    const socket = await open();
    if (bytes.length > 0) socket.write(bytes);
    expect(await get(port)).toBe('1.1 GET /a');
    await once(socket.resume(), 'close');
  });

  it('counts as a connection', async () => {
    const { open, http, port, ended } = await start({ limits: { all: 2, ofAddress: 2 } });
    const [one] = [await open(), await open()];
    await eventually(() => expect(http.openConnections).toBe(2));
    await expect(get(port)).rejects.toThrow();
    expect(ended).toMatchObject([{ reason: 'too_many_connections' }]);
    one.destroy();
    await eventually(async () => expect(await get(port)).toBe('1.1 GET /a'));
  });
});

it('ends all of it when it closes, and follows the certificates no longer', async () => {
  const server: TestServer & { identity: ReplacedIdentity } = await start();
  const [idle, halfway] = [await shake(server.port), await server.open()];
  const session = http2(server.port);
  await text(session.request({ ':path': '/b' }));
  await server.http.close(50);
  await Promise.all([idle, halfway].map((socket) => socket.resume().closed || once(socket, 'close')));
  expect(server.identity.followers).toBe(0);
});
