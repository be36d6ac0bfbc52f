import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { tempFolder } from './temp-folder.ts';

const run = promisify(execFile);

/** A private key and its certificate, as PEM. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A certificate authority for tests. */
export interface TestCa {
  /** Its own certificate as PEM, to be trusted by peers. */
  readonly cert: string;
  /** Signs a new key for these names, such as `localhost` or `127.0.0.1`. Valid for a day. */
  sign(...names: readonly string[]): Promise<Certificate>;
}

/** Creates a CA with `openssl`, which must be installed. */
export async function createTestCa(name = 'test CA'): Promise<TestCa> {
  const ca = await inFolder(async (folder) => {
    const files = ['-keyout', join(folder, 'key'), '-out', join(folder, 'cert')];
    await run('openssl', ['req', '-x509', ...newKey, ...files, '-days', '1', '-subj', `/CN=${name}`]);
    return readCertificate(folder);
  });
  return { cert: ca.cert, sign: (...names) => inFolder((folder) => sign(folder, ca, names)) };
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];

async function sign(folder: string, ca: Certificate, names: readonly string[]): Promise<Certificate> {
  const path = (file: string) => join(folder, file);
  const alternatives = names.map((name) => `${/^[\d.]+$|:/.test(name) ? 'IP' : 'DNS'}:${name}`).join();
  await writeFile(path('ca.key'), ca.key);
  await writeFile(path('ca.cert'), ca.cert);
  await run('openssl', [
    ...['req', '-x509', ...newKey, '-keyout', path('key'), '-out', path('cert'), '-days', '1'],
    ...['-CA', path('ca.cert'), '-CAkey', path('ca.key'), '-subj', `/CN=${names[0]}`],
    ...['-addext', `subjectAltName=${alternatives}`, '-addext', 'basicConstraints=critical,CA:FALSE'],
  ]);
  return readCertificate(folder);
}

async function readCertificate(folder: string): Promise<Certificate> {
  const [key, cert] = await Promise.all(['key', 'cert'].map((file) => readFile(join(folder, file), 'utf8')));
  return { key: key ?? '', cert: cert ?? '' };
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  await using folder = await tempFolder();
  return await work(folder.path);
}
