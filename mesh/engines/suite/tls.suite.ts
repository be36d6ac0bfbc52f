import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Metadata, Status } from 'nice-grpc-common';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { toStatus } from '../../errors/to-status.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { type Certificate, createTestCa, type TestCa } from '../../testing/certificates.ts';
import { eventually } from '../../testing/eventually.ts';
import type { ClientTls, ConnectOptions, Engine, EngineMethod, TransportCall } from '../engine.ts';
import { type ConnectionEnd, noObserver } from '../host-observer.ts';
import { fixedIdentity } from '../tls/fixed-identity.ts';
import type { TlsMaterial } from '../tls/tls-options.ts';

/** The tests of TLS that every engine passes. */
export function tlsSuite(engine: Engine): void {
  const logger = createLogger('silent');
  let ca: TestCa;
  let otherCa: TestCa;
  let server: Certificate;
  beforeAll(async () => {
    [ca, otherCa] = await Promise.all([createTestCa(), createTestCa()]);
    server = await ca.sign('localhost', '127.0.0.1');
  });

  const encode = (text: string) => Buffer.from(text);
  const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const codec = { encodeRequest: encode, decodeRequest: decode, encodeResponse: encode, decodeResponse: decode };
  const echo: EngineMethod<string, string> = { path: '/test.v1.TextService/Echo', kind: 'unary', ...codec };

  /** The connections that the server of the running test has ended. */
  let ended: ConnectionEnd[] = [];
  beforeEach(() => {
    ended = [];
  });

  /** Starts an echo server with `tls`; returns its port. */
  async function serve(tls?: ServedTls): Promise<number> {
    const { handshakeTimeoutMs, clientCa, ...own } = tls ?? {};
    const identity = fixedIdentity({ ...server, ca: clientCa ?? '', ...own });
    const clients = clientCa === undefined ? 'none' : 'required';
    const encrypted = tls && ({ identity, clients, ...(handshakeTimeoutMs && { handshakeTimeoutMs }) } as const);
    const host = engine.createServerHost({
      tls: encrypted,
      observer: { ...noObserver, connectionEnded: (end) => void ended.push(end) },
      toStatus: (error, call) => toStatus(error, call, logger),
    });
    host.add(echo, { kind: 'unary', handle: async (read) => read() });
    onTestFinished(() => host.drain(0));
    return host.listen('127.0.0.1:0');
  }

  /** Makes one call over a separate connection. */
  async function call(address: string, tls?: ClientTls, options: ConnectOptions = {}): Promise<string> {
    const transport = engine.connect(address, { ...options, tls });
    const once: TransportCall = { metadata: Metadata(), deadlineMs: Date.now() + 10_000, signal: undefined };
    try {
      return await transport.unary(echo, 'hello', once);
    } finally {
      transport.close();
    }
  }

  const trusting = () => ({ ca: ca.cert });
  const identified = (certificate: Certificate) => ({ identity: fixedIdentity({ ...certificate, ca: ca.cert }) });

  /** UNAVAILABLE with the address and advice. */
  function unreachable(address: string, advice: string) {
    return { code: Status.UNAVAILABLE, details: expect.stringMatching(new RegExp(`^${address} .*; .*${advice}`)) };
  }

  describe('a call over TLS', () => {
    it('is answered', async () => {
      expect(await call(`localhost:${await serve({})}`, trusting())).toBe('hello');
    });

    it('is answered by an address that is in the certificate', async () => {
      expect(await call(`127.0.0.1:${await serve({})}`, trusting())).toBe('hello');
    });

    it('is answered by a server with a certificate for another name, if that name is set', async () => {
      const port = await serve(await ca.sign('orders.internal'));
      expect(await call(`127.0.0.1:${port}`, { ...trusting(), serverName: 'orders.internal' })).toBe('hello');
    });

    it('is answered for a client with a certificate, if the server requires one', async () => {
      const port = await serve({ clientCa: otherCa.cert });
      const certificate = await otherCa.sign('client');
      expect(await call(`localhost:${port}`, identified(certificate))).toBe('hello');
    });
  });

  describe('a client over TLS', () => {
    it('refuses a server whose CA it does not trust', async () => {
      const address = `localhost:${await serve({})}`;
      await expect(call(address, { ca: otherCa.cert })).rejects.toMatchObject(unreachable(address, 'tls.ca'));
    });

    it('refuses a server with another name', async () => {
      const address = `localhost:${await serve(await ca.sign('orders.internal'))}`;
      await expect(call(address, trusting())).rejects.toMatchObject(unreachable(address, 'tls.serverName'));
    });

    it('refuses a server without TLS', async () => {
      const address = `localhost:${await serve()}`;
      await expect(call(address, trusting())).rejects.toMatchObject(unreachable(address, 'without tls'));
    });

    it('refuses a server that does not complete the handshake in time', async () => {
      const silent = createTcpServer().listen(0, '127.0.0.1');
      onTestFinished(() => void silent.close());
      await once(silent, 'listening');
      const address = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
      const outcome = expect(call(address, trusting(), { connectTimeoutMs: 200 })).rejects.toMatchObject({
        code: Status.UNAVAILABLE,
        details: expect.stringContaining(address),
      });
      const [socket] = await once(silent, 'connection');
      await once(socket.resume(), 'close');
      await outcome;
    });

    it('refuses a key that does not match its certificate, before it connects', async () => {
      const { key } = await ca.sign('other');
      const { cert } = await ca.sign('client');
      expect(() => engine.connect('localhost:1', { tls: identified({ key, cert }) })).toThrow(
        expect.objectContaining({ reason: 'INVALID_TLS', message: expect.stringContaining('localhost:1') }),
      );
    });
  });

  describe('a server with TLS', () => {
    /** Expects that the server reported at least one refused handshake, with its problem, and nothing else. */
    async function expectReported(problem: RegExp, reason = 'tls_handshake'): Promise<void> {
      await eventually(() => expect(ended).not.toEqual([]));
      const end = { peer: expect.stringMatching(/^127\.0\.0\.1:\d+$|^::1:\d+$/), reason };
      for (const one of ended) expect(one).toEqual({ ...end, problem: expect.stringMatching(problem) });
    }

    it('refuses a client without a certificate, if it requires one', async () => {
      const address = `localhost:${await serve({ clientCa: ca.cert })}`;
      await expect(call(address, trusting())).rejects.toMatchObject(unreachable(address, 'tls.key and tls.cert'));
      await expectReported(/^the client has no certificate$/, 'tls_no_certificate');
    });

    it('refuses a client with a certificate of another CA', async () => {
      const address = `localhost:${await serve({ clientCa: ca.cert })}`;
      const stranger = identified(await otherCa.sign('client'));
      await expect(call(address, stranger)).rejects.toMatchObject(unreachable(address, 'tls.key and tls.cert'));
      await expectReported(/^the certificate of "DNS:client" .* is of a CA that is not trusted/, 'tls_untrusted');
    });

    it('refuses a client without TLS, and serves others', async () => {
      const port = await serve({});
      const address = `localhost:${port}`;
      await expect(call(address)).rejects.toMatchObject(unreachable(address, 'tls'));
      await expectReported(/^wrong version number$/);
      expect(await call(address, trusting())).toBe('hello');
    });

    it.each([
      ['offers no protocol', undefined, /ALPN/],
      ['offers only HTTP/1.1', ['http/1.1'], /^no application protocol$/],
    ])('refuses a client that %s in ALPN, and sends it nothing', async (_, ALPNProtocols, problem) => {
      const port = await serve({});
      const socket = connectTls({ host: 'localhost', port, ca: ca.cert, ...(ALPNProtocols && { ALPNProtocols }) });
      expect(await received(socket)).toBe(0);
      await expectReported(problem);
    });

    it('refuses a client that does not complete the handshake in time', async () => {
      const socket = connectTcp(await serve({ handshakeTimeoutMs: 100 }), '127.0.0.1');
      socket.write(Buffer.from([22, 3, 1, 0, 200, 1]));
      socket.on('error', () => undefined);
      await once(socket.resume(), 'close');
      await expectReported(/timeout/);
    });

    it('refuses an invalid key, before it listens', async () => {
      await expect(serve({ key: 'no key' })).rejects.toMatchObject({ reason: 'INVALID_TLS' });
    });
  });

  it('drains, even during a handshake', async () => {
    const tls = { identity: fixedIdentity({ ...server, ca: ca.cert }) };
    const host = engine.createServerHost({ tls, toStatus: (error, call) => toStatus(error, call, logger) });
    const socket = connectTcp(await host.listen('127.0.0.1:0'), '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    await host.drain(10);
    await once(socket.resume(), 'close');
  });
}

/** The own key and certificate, if they differ, and the CA of clients, if they need certificates. */
interface ServedTls extends Partial<Pick<TlsMaterial, 'key' | 'cert'>> {
  readonly clientCa?: string;
  readonly handshakeTimeoutMs?: number;
}

/** The number of bytes that a server sends until it ends the connection. */
async function received(socket: TLSSocket): Promise<number> {
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
  });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  return bytes;
}
