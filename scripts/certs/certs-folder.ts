import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../../mesh/storage/make-folder.ts';
import { discoveryNameOf } from '../split/plan.ts';
import { type Authority, createAuthority, createCertificate } from './certificate.ts';

/** The files of one service, for `TLS_CERT`, `TLS_KEY` and `TLS_CA`. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface SignOptions {
  /** Further host names and IP addresses at which the services are reached. Default: none. */
  readonly hosts?: readonly string[];
  /** Default: 90 days from now. */
  readonly notAfter?: Date;
}

/** Folder with a local CA and a certificate of each service. */
export interface CertsFolder {
  /** The certificates of the CAs that are trusted. The first one signs. */
  readonly ca: string;
  filesOf(name: string): CertificateFiles;
  /** Creates the CA unless there is one. */
  prepare(): void;
  /** Signs a new key and certificate for each name, and replaces those that there are. */
  sign(names: readonly string[], options?: SignOptions): void;
  /** The first step to another CA: creates it, and trusts it besides the one that signs. */
  addCa(): void;
  /** The second step, once all have read what they trust: the added CA signs from now on. */
  useAddedCa(): void;
  /** The last step, once no certificate of the old CA is used: trusts only the one that signs. */
  dropOldCas(): void;
}

const dayMs = 86_400_000;
const caDays = 5 * 365;
const certificateDays = 90;
/** By how much the clock of another machine may be behind. */
const skewMs = 5 * 60_000;
const trustDomain = 'ordermesh';
/** The certificate for programs that are no service, such as the demo and the `ordermesh` commands. */
export const programCertificate = 'program';
/** Where services are on this machine. */
const localHosts = ['localhost', '127.0.0.1', '::1'];

/** The folder of `make certs`, by `CERTS_DIR` or in the data folder. */
export function certsFolderOf({ CERTS_DIR, DATA_DIR }: NodeJS.ProcessEnv): string {
  return CERTS_DIR || join(DATA_DIR || 'data', 'certs');
}

export function openCertsFolder(folder: string): CertsFolder {
  const file = (name: string) => join(folder, name);
  const [ca, caKey, addedKey] = [file('ca.pem'), file('ca.key'), file('ca-added.key')];
  const trusted = () => certificatesIn(readFileSync(ca, 'utf8'));
  const filesOf = (name: string): CertificateFiles => ({ cert: file(`${name}.pem`), key: file(`${name}.key`), ca });

  function authority(): Authority {
    const [cert = ''] = trusted();
    const privateKey = createPrivateKey(readFileSync(caKey));
    if (!new X509Certificate(cert).checkPrivateKey(privateKey))
      throw new Error(`${caKey} is not the key of the first certificate in ${ca}: remove both, and run "make certs"`);
    const name = /^CN=(.*)$/m.exec(new X509Certificate(cert).subject)?.[1] ?? '';
    return { name, privateKey, publicKey: createPublicKey(privateKey) };
  }

  function newAuthority() {
    // CAs of different names cannot be mistaken for each other.
    const name = `ordermesh CA ${new Date().toISOString().slice(0, 19)}Z`;
    return createAuthority({ name, notBefore: fromNow(-skewMs), notAfter: fromNow(caDays * dayMs) });
  }

  return {
    ca,
    filesOf,
    prepare() {
      makeFolder(folder);
      chmodSync(folder, 0o700);
      if (existsSync(ca)) return;
      const created = newAuthority();
      replaceFile(caKey, created.key, 0o600);
      replaceFile(ca, created.cert);
    },
    sign(names, { hosts = [], notAfter = fromNow(certificateDays * dayMs) } = {}) {
      const issuer = authority();
      for (const name of names) {
        // Two parts name no service.
        const path = name === programCertificate ? `program/${name}` : discoveryNameOf(name);
        const spiffeId = `spiffe://${trustDomain}/${path}`;
        const all = [name, `${name}-service`, ...localHosts, ...hosts];
        const request = { name, spiffeId, hosts: all, notBefore: fromNow(-skewMs), notAfter };
        const { key, cert } = createCertificate(request, issuer);
        const files = filesOf(name);
        replaceFile(files.key, key, 0o600);
        replaceFile(files.cert, cert);
      }
    },
    addCa() {
      const created = newAuthority();
      replaceFile(addedKey, created.key, 0o600);
      replaceFile(ca, [...trusted(), created.cert].join(''));
    },
    useAddedCa() {
      if (!existsSync(addedKey)) throw new Error('there is no added CA: run "make certs CA=add" first');
      const [added = '', ...others] = trusted().toReversed();
      replaceFile(ca, [added, ...others.toReversed()].join(''));
      renameSync(addedKey, caKey);
    },
    dropOldCas() {
      const [first = ''] = trusted();
      rmSync(addedKey, { force: true });
      replaceFile(ca, first);
    },
  };
}

/** Splits certificates of one PEM file. */
export function certificatesIn(pem: string): readonly string[] {
  return pem.split(/(?<=-----END CERTIFICATE-----\n)/).filter((cert) => cert.trim() !== '');
}

function fromNow(ms: number): Date {
  return new Date(Date.now() + ms);
}

/** Readers see the whole old file or the whole new one. */
function replaceFile(path: string, content: string, mode = 0o644): void {
  const written = `${path}.new`;
  writeFileSync(written, content, { mode });
  renameSync(written, path);
}
