import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Certificate } from '../../../testing/certificates.ts';
import { eventually } from '../../../testing/eventually.ts';
import { TestAuthority } from '../../../testing/x509/test-authority.ts';
import type { Engine, Transport } from '../../engine.ts';
import { ChangingIdentity } from './changing-identity.ts';
import { openRawClient } from './raw-client.ts';
import { callOnce, callOptions, checkTestPeer, connectTls, echo, follow, serveTls } from './tls-host.ts';

const graceMs = 300;

/** What happens when the identities of both sides change. */
export function tlsRotationSuite(engine: Engine): void {
  let ca: TestAuthority;
  let servers: Certificate[];
  let clients: Certificate[];
  beforeAll(() => {
    ca = TestAuthority.create();
    servers = [1, 2, 3].map(() => ca.issueFor('user'));
    clients = [1, 2, 3].map(() => ca.issueFor('order'));
  });

  async function start() {
    const [server, client] = [servers, clients].map(
      ([own]) => new ChangingIdentity({ key: '', cert: '', ...own, ca: ca.cert }),
    ) as [ChangingIdentity, ChangingIdentity];
    const host = await serveTls(engine, { identity: server, checkPeer: checkTestPeer, graceMs });
    const tls = { identity: client, serverService: 'user', checkPeer: checkTestPeer };
    return { server, client, host, tls, transport: connectTls(engine, host.address, tls) };
  }

  it('loses no call when both sides change every 200 ms', async () => {
    const { server, client, host, transport } = await start();
    let isOver = false;
    const callers = Array.from({ length: 8 }, async () => {
      let calls = 0;
      for (; !isOver; calls += 1) expect(await transport.unary(echo, 'hello', callOptions())).toBe('hello');
      return calls;
    });
    for (let change = 1; change <= 12; change += 1) {
      await delay(200);
      server.change(servers[change % 3] ?? {});
      client.change(clients[change % 3] ?? {});
    }
    isOver = true;
    const counts = await Promise.all(callers);
    expect(Math.min(...counts)).toBeGreaterThan(10);
    expect(new Set(host.callers)).toEqual(new Set(['order']));
    expect(host.ended).toEqual([]);
  });

  it('uses the new certificate of the client for the next calls, while open calls go on', async () => {
    const { client, host, transport } = await start();
    const stream = transport.serverStreaming(follow, 'first', callOptions())[Symbol.asyncIterator]();
    expect(await stream.next()).toMatchObject({ value: 'first' });
    client.change(ca.issueFor('payment'));
    await eventually(async () => {
      await transport.unary(echo, 'hello', callOptions());
      expect(host.callers.at(-1)).toBe('payment');
    });
    const next = stream.next();
    expect(await Promise.race([next, delay(100, 'open')])).toBe('open');
    next.catch(() => undefined);
  });

  it('shows the new certificate of the server to new connections', async () => {
    const { server, host, tls } = await start();
    const other = TestAuthority.create('other CA');
    server.change({ ...other.issueFor('user'), ca: ca.cert });
    await expect(callOnce(engine, host.address, tls)).rejects.toMatchObject({ unsent: true });
    server.change(servers[0] ?? {});
    expect(await callOnce(engine, host.address, tls)).toBe('hello');
  });

  it('keeps what was before if the new material cannot be used', async () => {
    const { server, client, host, tls } = await start();
    expect(() => server.change({ key: clients[0]?.key ?? '' })).toThrow(
      expect.objectContaining({ reason: 'INVALID_TLS' }),
    );
    const transport = connectTls(engine, host.address, tls);
    expect(() => client.change({ key: servers[0]?.key ?? '' })).toThrow(
      expect.objectContaining({ reason: 'INVALID_TLS' }),
    );
    expect(await transport.unary(echo, 'hello', callOptions())).toBe('hello');
  });

  it('stops watching the identity once closed', async () => {
    const { client, transport } = await start();
    transport.close();
    expect(client.listeners).toBe(0);
  });

  describe('an open connection', () => {
    /** Opens a stream of a client. `end` is how it ends. */
    async function openStream(transport: Transport): Promise<{ readonly end: Promise<string> }> {
      const stream = transport.serverStreaming(follow, 'first', callOptions())[Symbol.asyncIterator]();
      await stream.next();
      const end = stream.next().then(
        () => 'without an error',
        (error: Error) => error.message,
      );
      return { end };
    }

    it.each([
      ['is revoked', 'tls_revoked', () => ({ crl: ca.revoke(clients[0] as Certificate) })],
      ['loses its CA', 'tls_untrusted', () => ({ ca: TestAuthority.create('other CA').cert })],
    ])('ends when the certificate of the client %s, after the grace', async (_, reason, change) => {
      const { server, host, transport } = await start();
      const { end } = await openStream(transport);
      const startMs = performance.now();
      server.change(change());
      expect(host.ended).toEqual([
        {
          peer: expect.any(String),
          service: 'order',
          reason,
          problem: expect.stringMatching(/spiffe:\/\/test\/order/),
        },
      ]);
      expect(await end).toMatch(/UNAVAILABLE|CANCELLED|INTERNAL/);
      expect(performance.now() - startMs).toBeGreaterThan(graceMs - 50);
      await expect(transport.unary(echo, 'hello', callOptions())).rejects.toMatchObject({ unsent: true });
    });

    it('begins no call of a revoked client that ignores that it is to leave', async () => {
      const { server, host } = await start();
      const { send, closed } = await openRawClient(host.port, { ...clients[0], ca: ca.cert });
      send(1, follow.path);
      await eventually(() => expect(host.begun).toEqual([follow.path]));
      server.change({ crl: ca.revoke(clients[0] as Certificate) });
      for (let streamId = 3; streamId < 23; streamId += 2) send(streamId, follow.path);
      await closed;
      expect(host.begun).toEqual([follow.path]);
    });

    it('ends with its certificate even if new connections cannot use the material', async () => {
      const { server, host, transport } = await start();
      await openStream(transport);
      expect(() => server.change({ key: 'none', crl: ca.revoke(clients[0] as Certificate) })).toThrow('of the server');
      expect(host.ended).toMatchObject([{ reason: 'tls_revoked' }]);
    });

    it('stays when another certificate is revoked, or another CA added', async () => {
      const { server, host, transport } = await start();
      await transport.unary(echo, 'hello', callOptions());
      server.change({ crl: ca.revoke(clients[1] as Certificate) });
      server.change({ ca: `${TestAuthority.create('other CA').cert}\n${ca.cert}`, crl: undefined });
      expect(await transport.unary(echo, 'hello', callOptions())).toBe('hello');
      expect(host.ended).toEqual([]);
    });

    it('ends when the certificate of the client expires, and names it', async () => {
      const { client, host, transport } = await start();
      client.change(ca.issueFor('order', { notAfterMs: Date.now() + 2_500 }));
      const { end } = await openStream(transport);
      await eventually(() => expect(host.ended).not.toEqual([]), { timeoutMs: 8_000 });
      expect(host.ended).toMatchObject([{ service: 'order', reason: 'tls_expired' }]);
      expect(await end).toMatch(/UNAVAILABLE|CANCELLED|INTERNAL/);
    });

    it('is left by the client when the certificate of the server is revoked', async () => {
      const { client, transport } = await start();
      await transport.unary(echo, 'hello', callOptions());
      client.change({ crl: ca.revoke(servers[0] as Certificate) });
      await eventually(async () => {
        const details = await transport.unary(echo, 'hello', callOptions()).catch((error) => error.details);
        expect(details).toMatch(/revoked/);
      });
    });
  });
}
