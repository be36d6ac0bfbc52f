import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readFileSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
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

  it('keeps host names and how long a certificate is valid, unless told otherwise', async () => {
    const certs = await folderWith();
    const dayMs = 86_400_000;
    certs.sign(['mesh'], { hosts: ['shop.example', 'fd00::7'], notAfter: new Date(Date.now() + 20 * dayMs) });
    certs.sign(['mesh']);
    const kept = certificateOf(certs, 'mesh');
    expect(kept.subjectAltName).toMatch(/, DNS:localhost, .*, DNS:shop.example, IP Address:FD00:0:0:0:0:0:0:7$/);
    expect(kept.subjectAltName?.match(/DNS:localhost/g)).toHaveLength(1);
    expect(Math.round((kept.validToDate.getTime() - Date.now()) / dayMs)).toBe(20);
    certs.sign(['mesh'], { hosts: [] });
    expect(certificateOf(certs, 'mesh').subjectAltName).not.toContain('shop.example');
    // One that ended at once would end again before a process has started with it.
    certs.sign(['mesh'], { notAfter: new Date(Date.now() + 1_000) });
    certs.sign(['mesh']);
    expect(Math.round((certificateOf(certs, 'mesh').validToDate.getTime() - Date.now()) / dayMs)).toBe(1);
  });

  it('drops no CA that signed a certificate in it', async () => {
    const certs = await folderWith('order', 'mesh');
    certs.addCa();
    certs.useAddedCa();
    certs.sign(['order']);
    const both = readFileSync(certs.ca, 'utf8');
    expect(() => certs.dropOldCas()).toThrow(
      `${certs.filesOf('mesh').cert} is signed by a CA that would be dropped: run "make certs" first`,
    );
    expect(readFileSync(certs.ca, 'utf8')).toBe(both);
    certs.sign(certs.names());
    certs.dropOldCas();
  });

  it('says which certificates are missing, or end soon', async () => {
    const certs = await folderWith('order', 'user');
    expect(certs.due(['order', 'user', 'mesh'])).toEqual(['mesh']);
    // It began five minutes ago, for clocks that are behind.
    certs.sign(['user'], { notAfter: new Date(Date.now() + 60_000) });
    expect(certs.due(['order', 'user', 'mesh'])).toEqual(['user', 'mesh']);
  });

  it('does not renew what another CA signed', async () => {
    const [certs, other] = await Promise.all([folderWith(), folderWith()]);
    other.sign(['mesh'], { notAfter: new Date(Date.now() + 60_000) });
    copyFileSync(other.filesOf('mesh').cert, certs.filesOf('mesh').cert);
    expect(certs.due(['mesh'])).toEqual([]);
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

describe('make certs', () => {
  async function open() {
    const folder = await tempFolder();
    onTestFinished(() => folder[Symbol.asyncDispose]());
    const certs = openCertsFolder(`${folder.path}/certs`);
    const make = async (environment: Record<string, string> = {}) => {
      await using program = spawnProcess({ main: 'scripts/certs.ts', dataDir: folder.path, environment });
      const { code } = await program.ended;
      return { code, output: program.stdout(), errors: program.stderr() };
    };
    return { certs, make };
  }

  it('renews all that is in the folder, so its CA can be replaced under a mesh in one process', async () => {
    const { certs, make } = await open();
    certs.prepare();
    certs.sign(['mesh', 'reports'], { hosts: ['shop.example'] });
    const before = certificateOf(certs, 'mesh').serialNumber;
    for (const CA of ['add', 'use', 'drop']) expect(await make({ CA })).toMatchObject({ code: 0, errors: '' });
    expect(certificateOf(certs, 'mesh').serialNumber).not.toBe(before);
    for (const name of ['mesh', 'reports', 'order', 'program']) {
      const { stdout } = await run('openssl', ['verify', '-CAfile', certs.ca, certs.filesOf(name).cert]);
      expect(stdout).toMatch(/: OK\n$/);
    }
    expect(certificateOf(certs, 'mesh').subjectAltName).toContain('DNS:shop.example');
  });

  it.each([
    [{ DAYS: '0' }, 'invalid DAYS "0": use more than 0, and at most 825'],
    [
      { HOSTS: 'https://x/y' },
      'invalid HOSTS "https://x/y": use host names and IP addresses, with commas between them',
    ],
    [
      { MAKELEVEL: '1', MAKEFLAGS: 's -- HOST=foo' },
      'unknown variable HOST: use CA, HOSTS, DAYS, NAMES, DATA_DIR, CERTS_DIR',
    ],
  ])('refuses %o', async (environment, errors) => {
    const { make } = await open();
    expect(await make(environment)).toEqual({ code: 2, output: '', errors: `${errors}\n` });
  });
});
