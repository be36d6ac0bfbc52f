import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../../mesh/storage/make-folder.ts';
import { createKey, type Issuer, issueCertificate, keyPem } from '../../mesh/testing/x509/issue.ts';
import { discoveryNameOf } from '../split/plan.ts';
import { certificateAt, furtherHosts, isDue, isSignedByOneOf, lifetimeMs } from './replaced-certificate.ts';

/** The files of one service, for `TLS_CERT`, `TLS_KEY` and `TLS_CA`. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface SignOptions {
  /**
   * Further host names and IP addresses at which the services are reached. Default: those of the
   * certificate that is replaced.
   */
  readonly hosts?: readonly string[] | undefined;
  /** Default: as long from now as the certificate that is replaced was valid, but at least a day; 90 days if there is none. */
  readonly notAfter?: Date | undefined;
}

/** Folder with a local CA and a certificate of each service. */
export interface CertsFolder {
  /** The certificates of the CAs that are trusted. The first one signs. */
  readonly ca: string;
  filesOf(name: string): CertificateFiles;
  /** Whose certificates are in the folder. Certificates of CAs that this program did not make do not count. */
  names(): readonly string[];
  /** Creates the CA unless there is one. */
  prepare(): void;
  /** Signs a new key and certificate for each name, and replaces those that there are. */
  sign(names: readonly string[], options?: SignOptions): void;
  /** The first step to another CA: creates it, and trusts it besides the one that signs. */
  addCa(): void;
  /** The second step, once all have read what they trust: the added CA signs from now on. */
  useAddedCa(): void;
  /** The last step: trusts only the one that signs. Throws while another one signed a certificate in the folder. */
  dropOldCas(): void;
  /** Of `names`, those that have no certificate, or one of these CAs with less than a third of its time left. */
  due(names: readonly string[]): readonly string[];
}

const dayMs = 86_400_000;
const caDays = 5 * 365;
const certificateDays = 90;
/** By how much the clock of another machine may be behind. */
const skewMs = 5 * 60_000;
const trustDomain = 'ordermesh';
/** How the names of all CAs begin that this program made. */
const caName = 'ordermesh CA';
/** The certificate for programs that are no service, such as the demo and the `ordermesh` commands. */
export const programCertificate = 'program';
/** The certificate for all services in one process, which `make start TLS=1` uses. */
export const meshCertificate = 'mesh';
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

  /** Whose certificates a CA of this folder, or of an earlier one, has signed. */
  function names(): readonly string[] {
    const all = readdirSync(folder).filter((name) => name.endsWith('.pem') && name !== 'ca.pem');
    return all
      .map((name) => name.slice(0, -'.pem'.length))
      .filter((name) => certificateAt(filesOf(name).cert)?.issuer.startsWith(`CN=${caName}`))
      .toSorted();
  }

  function authority(): Issuer {
    const [cert = ''] = trusted();
    const key = createPrivateKey(readFileSync(caKey));
    if (!new X509Certificate(cert).checkPrivateKey(key))
      throw new Error(`${caKey} is not the key of the first certificate in ${ca}: remove both, and run "make certs"`);
    const name = /^CN=(.*)$/m.exec(new X509Certificate(cert).subject)?.[1] ?? '';
    return { name, key };
  }

  function newAuthority() {
    // CAs of different names cannot be mistaken for each other.
    const name = `${caName} ${new Date().toISOString().slice(0, 19)}Z`;
    const key = createKey();
    const validity = { notBeforeMs: Date.now() - skewMs, notAfterMs: Date.now() + caDays * dayMs };
    const request = { commonName: name, isCa: true, pathLength: 0, ...validity };
    return { key: keyPem(key), cert: issueCertificate(key, request, { name, key }) };
  }

  return {
    ca,
    filesOf,
    names,
    due(wanted) {
      return wanted.filter((name) => {
        const { cert } = filesOf(name);
        const certificate = certificateAt(cert);
        if (certificate === undefined) return !existsSync(cert);
        return isDue(certificate) && isSignedByOneOf(certificate, trusted());
      });
    },
    prepare() {
      makeFolder(folder);
      chmodSync(folder, 0o700);
      if (existsSync(ca)) return;
      const created = newAuthority();
      replaceFile(caKey, created.key, 0o600);
      replaceFile(ca, created.cert);
    },
    sign(names, { hosts, notAfter } = {}) {
      const issuer = authority();
      for (const name of names) {
        // Two parts name no service.
        const path = name === programCertificate ? `program/${name}` : discoveryNameOf(name);
        const spiffeId = `spiffe://${trustDomain}/${path}`;
        const files = filesOf(name);
        const replaced = certificateAt(files.cert);
        const own = [name, `${name}-service`, ...localHosts];
        const further = hosts ?? (replaced ? furtherHosts(replaced, own) : []);
        const defaultMs = replaced ? Math.max(lifetimeMs(replaced) - skewMs, dayMs) : certificateDays * dayMs;
        const key = createKey();
        const request = {
          commonName: name,
          names: [...own, ...further],
          uris: [spiffeId],
          notBeforeMs: Date.now() - skewMs,
          notAfterMs: notAfter?.getTime() ?? Date.now() + defaultMs,
        };
        replaceFile(files.key, keyPem(key), 0o600);
        replaceFile(files.cert, issueCertificate(key, request, issuer));
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
      const [first = '', ...others] = trusted();
      const needing = names().find((name) => {
        const certificate = certificateAt(filesOf(name).cert);
        return certificate && isSignedByOneOf(certificate, others);
      });
      if (needing !== undefined)
        throw new Error(`${filesOf(needing).cert} is signed by a CA that would be dropped: run "make certs" first`);
      rmSync(addedKey, { force: true });
      replaceFile(ca, first);
    },
  };
}

/** Splits certificates of one PEM file. */
export function certificatesIn(pem: string): readonly string[] {
  return pem.split(/(?<=-----END CERTIFICATE-----\n)/).filter((cert) => cert.trim() !== '');
}

/** Readers see the whole old file or the whole new one. */
function replaceFile(path: string, content: string, mode = 0o644): void {
  const written = `${path}.new`;
  writeFileSync(written, content, { mode });
  renameSync(written, path);
}
