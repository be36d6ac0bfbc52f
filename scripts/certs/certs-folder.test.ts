import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readFileSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { type CertsFolder, openCertsFolder } from './certs-folder.ts';

const run = promisify(execFile);

async function folderWith(...names: readonly string[]): Promise<CertsFolder> {
  const folder = await tempFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const certs = openCertsFolder(`${folder.path}/certs`);
  certs.prepare();
  certs.sign(names);
  return certs;
}

const certificateOf = (certs: CertsFolder, name: string) => new X509Certificate(readFileSync(certs.filesOf(name).cert));

describe('a folder of certificates', () => {
  it('has certificates that OpenSSL finds strictly valid, for servers and clients', async () => {
    const certs = await folderWith('order');
    for (const purpose of ['sslserver', 'sslclient']) {
      const { stdout } = await run('openssl', [
        ...['verify', '-x509_strict', '-purpose', purpose, '-CAfile', certs.ca],
        certs.filesOf('order').cert,
      ]);
      expect(stdout).toMatch(/: OK\n$/);
    }
  });

  it('names the service and where it may be reached', async () => {
    const certs = await folderWith();
    certs.sign(['order'], { hosts: ['mesh.example', 'fd00::1:2'], notAfter: new Date(Date.UTC(2052, 0, 1)) });
    const { subject, subjectAltName, validToDate, ca } = certificateOf(certs, 'order');
    expect({ subject, ca, end: validToDate.getUTCFullYear() }).toEqual({ subject: 'CN=order', ca: false, end: 2052 });
    expect(subjectAltName?.split(', ')).toEqual([
      'URI:spiffe://ordermesh/order',
      'DNS:order',
      'DNS:order-service',
      'DNS:localhost',
      'IP Address:127.0.0.1',
      'IP Address:0:0:0:0:0:0:0:1',
      'DNS:mesh.example',
      'IP Address:FD00:0:0:0:0:0:1:2',
    ]);
  });

  it('names no service in the certificate for programs', async () => {
    const certs = await folderWith('program');
    expect(certificateOf(certs, 'program').subjectAltName).toContain('URI:spiffe://ordermesh/program/program, ');
  });

  it('keeps keys and itself from other users', async () => {
    const certs = await folderWith('order');
    const modeOf = (path: string) => statSync(path).mode & 0o777;
    expect(modeOf(certs.filesOf('order').key)).toBe(0o600);
    expect(modeOf(certs.ca.replace('ca.pem', 'ca.key'))).toBe(0o600);
    expect(modeOf(certs.ca.replace('/ca.pem', ''))).toBe(0o700);
  });

  it('keeps its CA when certificates are signed again', async () => {
    const certs = await folderWith('order');
    const [ca, first] = [readFileSync(certs.ca, 'utf8'), certificateOf(certs, 'order').serialNumber];
    certs.prepare();
    certs.sign(['order']);
    expect(readFileSync(certs.ca, 'utf8')).toBe(ca);
    expect(certificateOf(certs, 'order').serialNumber).not.toBe(first);
  });

  it('goes from one CA to another without a moment in which a peer is not trusted', async () => {
    const certs = await folderWith('order', 'user');
    const before = readFileSync(certs.ca, 'utf8');
    await expectTrust(certs, before);
    certs.addCa();
    const both = readFileSync(certs.ca, 'utf8');
    await expectTrust(certs, before);
    await expectTrust(certs, both);
    certs.useAddedCa();
    certs.sign(['order']);
    await expectTrust(certs, both);
    certs.sign(['user']);
    certs.dropOldCas();
    await expectTrust(certs, both);
    await expectTrust(certs, readFileSync(certs.ca, 'utf8'));
    await expect(expectTrust(certs, before)).rejects.toThrow(/certificate/);
  });

  it('refuses a key that is not that of its CA', async () => {
    const [certs, other] = await Promise.all([folderWith('order'), folderWith('order')]);
    copyFileSync(other.ca.replace('ca.pem', 'ca.key'), certs.ca.replace('ca.pem', 'ca.key'));
    expect(() => certs.sign(['order'])).toThrow(/is not the key of the first certificate/);
  });

  /** A connection of user to order, in which both trust `ca`. */
  async function expectTrust(certs: CertsFolder, ca: string): Promise<void> {
    const pair = (name: string) => {
      const { cert, key } = certs.filesOf(name);
      return { cert: readFileSync(cert), key: readFileSync(key), ca };
    };
    const server = createServer({ ...pair('order'), requestCert: true, rejectUnauthorized: true }, (socket) => {
      socket.end('trusted');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const client = connect({ ...pair('user'), host: '127.0.0.1', port: (server.address() as AddressInfo).port });
      const [data] = await once(client, 'data');
      expect(String(data)).toBe('trusted');
      client.destroy();
    } finally {
      server.close();
    }
  }
});
