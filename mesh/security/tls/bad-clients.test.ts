import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { grpcJsEngine } from '../../engines/grpc-js/engine.ts';
import { nativeEngine } from '../../engines/native/engine.ts';
import { ChangingIdentity } from '../../engines/suite/tls/changing-identity.ts';
import { callOnce, echo, serveTls } from '../../engines/suite/tls/tls-host.ts';
import { createServiceIds, defaultServiceId } from '../../identity/spiffe-id.ts';
import { eventually } from '../../testing/eventually.ts';
import { grpcFrame } from '../../testing/grpc-frame.ts';
import { createKey, issueCertificate, keyPem } from '../../testing/x509/issue.ts';
import { TestAuthority } from '../../testing/x509/test-authority.ts';
import { checkCaller } from './peer-checks.ts';

const ca = TestAuthority.create();
const otherCa = TestAuthority.create('other CA');
const forgedCa = TestAuthority.create(ca.name);
const middle = ca.below('intermediate');
const leaf = ca.below('leaf', { uris: ['spiffe://test/leaf'] });
const revoked = ca.issueFor('order');
const good = ca.issueFor('order');
const hourMs = 3_600_000;

const checkPeer = checkCaller(() => createServiceIds(defaultServiceId, 'test'));

/** A client that should not get in: what is bad about it, the reason that is counted, and the one in the log. */
type BadClient = readonly [what: string, options: ConnectionOptions, reason: string, problem: RegExp];

const inMiddle = middle.issueFor('order');
const inLeaf = leaf.issueFor('order');
const isUntrusted = /not trusted|signature|cannot be verified/;

const badCertificates: readonly BadClient[] = [
  ['an expired certificate', ca.issueFor('order', { notAfterMs: Date.now() - 60_000 }), 'tls_expired', /has expired/],
  ['one of the future', ca.issueFor('order', { notBeforeMs: Date.now() + hourMs }), 'tls_expired', /not valid yet/],
  ['one of another CA', otherCa.issueFor('order'), 'tls_untrusted', isUntrusted],
  ['one whose issuer only has the name of the CA', forgedCa.issueFor('order'), 'tls_untrusted', isUntrusted],
  ['one that it signed itself', selfSigned(), 'tls_untrusted', /signed by itself|CA that is not trusted/],
  ['one without the chain to the CA', inMiddle, 'tls_untrusted', isUntrusted],
  [
    'one that another service signed',
    { ...inLeaf, cert: inLeaf.cert + leaf.cert },
    'tls_untrusted',
    /not that of a CA/,
  ],
  ['one for servers only', ca.issueFor('order', { uses: ['server'] }), 'tls_untrusted', /extended key usage/],
  ['one that is revoked', revoked, 'tls_revoked', /is revoked/],
  ['one signed with SHA-1', ca.issueFor('order', { hash: 'sha1' }), 'tls_untrusted', /sha1/i],
  ['one with a key of 1024 bits', ca.issueFor('order', { key: 'rsa-1024' }), 'tls_untrusted', /1024 bits/],
  ['one of another trust domain', ca.issue({ uris: ['spiffe://other/order'] }), 'tls_identity', /trust domain/],
  ['one without a SPIFFE id', ca.issue({ uris: ['https://test/order'] }), 'tls_identity', /no SPIFFE id/],
  ['one without alternative names', ca.issue({ commonName: 'order' }), 'tls_identity', /no URI/],
  ['two SPIFFE ids', ca.issue({ uris: ['spiffe://test/order', 'spiffe://test/user'] }), 'tls_identity', /2 URIs/],
  ['one of a CA', ca.issueFor('order', { isCa: true }), 'tls_', /CA|usage/],
  ['one that may sign others', ca.issueFor('order', { signsOthers: true }), 'tls_identity', /may sign other/],
  ['no certificate', {}, 'tls_no_certificate', /has no certificate/],
];

const badProtocols: readonly BadClient[] = [
  ['TLS 1.2', { ...good, maxVersion: 'TLSv1.2' }, 'tls_handshake', /version|protocol/],
  ['no protocol in ALPN', { ...good, ALPNProtocols: [] }, 'tls_handshake', /HTTP\/2 in ALPN/],
  ['HTTP/1.1 in ALPN', { ...good, ALPNProtocols: ['http/1.1'] }, 'tls_handshake', /no application protocol/],
];

function selfSigned(): ConnectionOptions {
  const key = createKey();
  const request = { commonName: 'order', uris: ['spiffe://test/order'] };
  return { key: keyPem(key), cert: issueCertificate(key, request, { name: 'order', key }) };
}

/** Sends a call over a connection; returns what it gets before the connection ends. */
async function attack(socket: Socket): Promise<string[]> {
  const got: string[] = [];
  const session = connectHttp2('http://localhost', { createConnection: () => socket });
  onTestFinished(() => session.destroy());
  session.on('error', () => undefined);
  session.on('remoteSettings', () => got.push('SETTINGS'));
  session.on('goaway', () => got.push('GOAWAY'));
  const call = { ':method': 'POST', ':path': echo.path, te: 'trailers', 'content-type': 'application/grpc' };
  const stream = session.request(call);
  stream.on('error', () => undefined);
  stream.on('response', () => got.push('HEADERS'));
  stream.on('data', () => got.push('DATA'));
  stream.end(grpcFrame(Buffer.from('hello')));
  await new Promise((resolve) => session.once('close', resolve));
  return got;
}

describe.each([nativeEngine, grpcJsEngine])('a server on $name', (engine) => {
  const start = (crl?: string, clients?: 'optional') => {
    const identity = new ChangingIdentity({ ...ca.issueFor('user'), ca: ca.cert, crl });
    return serveTls(engine, { identity, checkPeer, clients });
  };
  const lists = ca.revoke(revoked) + middle.revoke() + leaf.revoke();

  async function expectRefused(host: Awaited<ReturnType<typeof start>>, [, , reason, problem]: BadClient) {
    await eventually(() => expect(host.ended).toHaveLength(1));
    const peer = expect.stringMatching(/^127\.0\.0\.1:\d+$/);
    expect(host.ended).toMatchObject([
      { peer, reason: expect.stringContaining(reason), problem: expect.stringMatching(problem) },
    ]);
    expect(host.callers).toEqual([]);
    expect(await callOnce(engine, host.address, clientOf(good))).toBe('hello');
  }

  it.each([...badCertificates, ...badProtocols])(
    'refuses a client with %s, tells it nothing, and logs why',
    async (...client) => {
      const [, options] = client;
      const host = await start(client[0].includes('revoked') ? lists : undefined);
      const weak = { ciphers: 'DEFAULT:@SECLEVEL=0', ALPNProtocols: ['h2'], ca: ca.cert, servername: 'localhost' };
      const socket = connect({ port: host.port, host: '127.0.0.1', ...weak, ...options });
      expect(await attack(socket)).toEqual([]);
      await expectRefused(host, client);
    },
  );

  it('refuses a client without TLS', async () => {
    const host = await start();
    expect(await attack(connectTcp(host.port, '127.0.0.1'))).toEqual([]);
    await expectRefused(host, ['', {}, 'tls_handshake', /wrong version number/]);
  });

  it('refuses a client whose CA has no list, if others have', async () => {
    const host = await start(otherCa.revoke());
    await expect(callOnce(engine, host.address, clientOf(good))).rejects.toMatchObject({ unsent: true });
    await eventually(() => expect(host.ended).toMatchObject([{ reason: 'tls_revoked' }]));
  });

  it('accepts a client without a certificate if it is optional, but none with a bad one', async () => {
    const host = await start(undefined, 'optional');
    expect(await callOnce(engine, host.address, { ca: ca.cert })).toBe('hello');
    expect(host.callers).toEqual([undefined]);
    await expect(callOnce(engine, host.address, clientOf(otherCa.issueFor('order')))).rejects.toMatchObject({
      unsent: true,
    });
    await eventually(() => expect(host.ended).toMatchObject([{ reason: 'tls_untrusted' }]));
  });

  it('accepts a client with the chain to the CA, and knows its service', async () => {
    const host = await start(lists);
    expect(await callOnce(engine, host.address, clientOf({ ...inMiddle, cert: inMiddle.cert + middle.cert }))).toBe(
      'hello',
    );
    expect(host.callers).toEqual(['order']);
  });
});

function clientOf(own: { readonly key: string; readonly cert: string }) {
  return { identity: new ChangingIdentity({ ...own, ca: ca.cert }) };
}
