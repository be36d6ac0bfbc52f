import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { tempFolder } from '../../testing/temp-folder.ts';
import { TestAuthority } from '../../testing/x509/test-authority.ts';
import { noObserver } from '../host-observer.ts';
import { createListener } from '../listener.ts';
import { ChangingIdentity } from '../suite/tls/changing-identity.ts';
import { scan } from '../suite/tls/scan.ts';
import type { TlsVersion } from './tls-options.ts';

const ca = TestAuthority.create();
const client = ca.issueFor('order');
const anyCipher = ['-cipher', 'ALL:@SECLEVEL=0'];

async function listen(minVersion?: TlsVersion) {
  const identity = new ChangingIdentity({ ...ca.issueFor('user'), ca: ca.cert });
  let accepted = 0;
  const limits = { maxConnections: 100, maxConnectionsPerAddress: 100 };
  const listener = createListener({ tls: { identity, minVersion }, ...limits, observer: noObserver }, (socket) => {
    accepted += 1;
    socket.on('error', () => undefined).resume();
  });
  const port = await listener.listen('127.0.0.1:0');
  onTestFinished(async () => {
    listener.destroyAll();
    await listener.close();
  });
  return { port, identity, accepted: () => accepted };
}

describe('a listener with TLS, scanned by openssl', () => {
  let own: string[];
  beforeAll(async () => {
    const folder = await tempFolder();
    const [key, cert] = [join(folder.path, 'key.pem'), join(folder.path, 'cert.pem')];
    await Promise.all([writeFile(key, client.key), writeFile(cert, client.cert)]);
    own = ['-key', key, '-cert', cert, '-alpn', 'h2'];
    return () => folder[Symbol.asyncDispose]();
  });

  it('speaks TLS 1.3 with HTTP/2, without compression', async () => {
    const { port, accepted } = await listen();
    const printed = await scan(port, own);
    expect(printed).toMatch(/New, TLSv1\.3, Cipher is TLS_(AES|CHACHA20)/);
    expect(printed).toMatch(/ALPN protocol: h2/);
    expect(printed).toMatch(/Compression: NONE/);
    expect(accepted()).toBe(1);
  });

  it.each(['-tls1', '-tls1_1', '-tls1_2'])('does not speak %s', async (version) => {
    const { port, accepted } = await listen();
    const printed = await scan(port, [...own, version, ...anyCipher]);
    expect(printed).toMatch(/Cipher is \(NONE\)/);
    expect(accepted()).toBe(0);
  });

  it.each(['-tls1', '-tls1_1'])('does not speak %s from TLS 1.2 on', async (version) => {
    const { port } = await listen('1.2');
    expect(await scan(port, [...own, version, ...anyCipher])).toMatch(/Cipher is \(NONE\)/);
  });

  it('answers no ClientHello of SSL 3.0', async () => {
    const { port } = await listen('1.2');
    const hello = Buffer.from(`0300${'00'.repeat(32)}00000200350100`, 'hex');
    const message = Buffer.concat([Buffer.from([1, 0, 0, hello.length]), hello]);
    const socket = connect(port, '127.0.0.1');
    socket.end(Buffer.concat([Buffer.from([22, 3, 0, 0, message.length]), message]));
    const answer = await buffer(socket);
    // At most an alert.
    expect([undefined, 21]).toContain(answer[0]);
  });

  it.each([
    ['AES128-GCM-SHA256', 'no forward secrecy'],
    ['ECDHE-ECDSA-AES128-SHA', 'no authenticated encryption'],
    ['ECDHE-ECDSA-NULL-SHA', 'no encryption'],
    ['AECDH-AES128-SHA', 'no certificate'],
  ])('refuses the cipher %s of TLS 1.2, which has %s', async (cipher) => {
    const { port } = await listen('1.2');
    const printed = await scan(port, [...own, '-tls1_2', '-cipher', `${cipher}:@SECLEVEL=0`]);
    expect(printed).toMatch(/Cipher is \(NONE\)|no ciphers available/);
  });

  it('speaks TLS 1.2 if permitted, and does not renegotiate', async () => {
    const { port, accepted } = await listen('1.2');
    const printed = await scan(port, [...own, '-tls1_2'], 'R\n');
    expect(printed).toMatch(/New, TLSv1\.2, Cipher is ECDHE-ECDSA-(AES|CHACHA20)/);
    expect(printed).toMatch(/RENEGOTIATING[\s\S]*(no renegotiation|handshake failure|closed|errno)/i);
    expect(accepted()).toBe(1);
  });

  it.each(['-tls1_2', '-tls1_3'])(
    'resumes no session of %s, also not of a peer that was revoked since',
    async (version) => {
      await using folder = await tempFolder();
      const { port, identity, accepted } = await listen('1.2');
      const session = join(folder.path, 'session');
      expect(await scan(port, [...own, version, '-sess_out', session])).toMatch(/^New, /m);
      const hasSession = await scan(port, [...own, version, '-sess_in', session]);
      expect(hasSession).not.toMatch(/^Reused, /m);
      const before = accepted();
      identity.change({ crl: ca.revoke(client) });
      await scan(port, [...own, version, '-sess_in', session]);
      expect(accepted()).toBe(before);
    },
  );
});
