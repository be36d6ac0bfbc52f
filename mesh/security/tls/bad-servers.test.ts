import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import { Status } from 'nice-grpc-common';
import { describe, expect, it, onTestFinished } from 'vitest';
import { grpcJsEngine } from '../../engines/grpc-js/engine.ts';
import { nativeEngine } from '../../engines/native/engine.ts';
import { ChangingIdentity } from '../../engines/suite/tls/changing-identity.ts';
import { callOnce, serveTls } from '../../engines/suite/tls/tls-host.ts';
import { createServiceIds, defaultServiceId } from '../../identity/spiffe-id.ts';
import { TestAuthority } from '../../testing/x509/test-authority.ts';
import { checkCaller } from './peer-checks.ts';

const ca = TestAuthority.create();
const middle = ca.below('intermediate');
const hourMs = 3_600_000;
const revoked = ca.issueFor('user');
const checkPeer = checkCaller(() => createServiceIds(defaultServiceId, 'test'));

/** A server that should not get a call: what is bad about it, and what the error of the call says. */
type BadServer = readonly [what: string, options: TlsOptions, text: RegExp];

const badServers: readonly BadServer[] = [
  ['an expired certificate', ca.issueFor('user', { notAfterMs: Date.now() - 60_000 }), /has expired.*renew/],
  ['one of the future', ca.issueFor('user', { notBeforeMs: Date.now() + hourMs }), /not yet valid.*clocks/],
  ['one of another CA', TestAuthority.create('other CA').issueFor('user'), /issuer certificate|verify.*TLS_CA/],
  ['one without the chain to the CA', middle.issueFor('user'), /issuer certificate|verify.*TLS_CA/],
  ['one that is revoked', revoked, /revoked.*new certificate/],
  ['one for clients only', ca.issueFor('user', { uses: ['client'] }), /purpose.*serverAuth/],
  ['one signed with SHA-1', ca.issueFor('user', { hash: 'sha1' }), /too weak.*SHA-256/],
  ['one with a key of 1024 bits', ca.issueFor('user', { key: 'rsa-1024' }), /too weak|too small.*2048/],
  ['one of another service', ca.issueFor('order'), /names service order instead of user/],
  ['one of another trust domain', ca.issue({ uris: ['spiffe://other/user'] }), /trust domain other/],
  ['one of no service', ca.issue({ uris: ['spiffe://test/ns/shop'] }), /names no service instead of user/],
  ['one without alternative names', ca.issue({ commonName: 'user' }), /no URI among its names/],
  ['one of a CA', ca.issueFor('user', { isCa: true }), /that of a CA|purpose|sign/],
  ['TLS 1.2', { ...ca.issueFor('user'), maxVersion: 'TLSv1.2' }, /protocol version|closed/],
];

/** Listens with what no server of ours would use. `bytes` is what it has got of calls. */
async function serveBad(options: TlsOptions) {
  const server = createServer({ ciphers: 'DEFAULT:@SECLEVEL=0', ALPNProtocols: ['h2'], ...options });
  let bytes = 0;
  server.on('secureConnection', (socket) => {
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
    socket.on('error', () => undefined);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { address: `localhost:${(server.address() as AddressInfo).port}`, bytes: () => bytes };
}

describe.each([nativeEngine, grpcJsEngine])('a client on $name', (engine) => {
  const tls = (crl?: string) => ({
    identity: new ChangingIdentity({ ...ca.issueFor('order'), ca: ca.cert, crl }),
    serverService: 'user',
    checkPeer,
  });

  it.each(badServers)('sends no call to a server with %s, and says what is wrong', async (what, options, text) => {
    const { address, bytes } = await serveBad(options);
    const error = await callOnce(engine, address, tls(what.includes('revoked') ? ca.revoke(revoked) : undefined)).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ code: Status.UNAVAILABLE, unsent: true, details: expect.stringMatching(text) });
    expect(error.details).toMatch(`${address} cannot be reached: `);
    expect(bytes()).toBe(0);
  });

  it('calls a service at any address, by its certificate', async () => {
    const own = ca.issue({ uris: ['spiffe://test/user'] });
    const host = await serveTls(engine, { identity: new ChangingIdentity({ ...own, ca: ca.cert }), checkPeer });
    expect(await callOnce(engine, host.address, tls(ca.revoke(revoked)))).toBe('hello');
    expect(await callOnce(engine, `127.0.0.1:${host.port}`, tls())).toBe('hello');
  });

  it('checks the name of a server of which it expects no service', async () => {
    const { address } = await serveBad(ca.issue({ names: ['orders.internal'], uris: ['spiffe://test/user'] }));
    const { identity } = tls();
    await expect(callOnce(engine, address, { identity, checkPeer })).rejects.toMatchObject({
      details: expect.stringMatching(/orders\.internal.*serverName/),
    });
  });
});
