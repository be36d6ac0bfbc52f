import { X509Certificate } from 'node:crypto';
import { messageOf } from '../../errors/error-text.ts';
import { type CertificateFacts, certificateFacts } from './certificate.ts';

/** A file of PEM, and the setting that names it. */
export interface PemFile {
  /** `TLS_CERT`. */
  readonly variable: string;
  readonly path: string;
  readonly text: string;
}

/** What is wrong with a file: completes "TLS_CERT names order.pem, …" with "which is empty: …". */
export class PemFault extends Error {
  override readonly name = 'PemFault';
  readonly variable: string;
  readonly path: string;
  readonly problem: string;

  constructor({ variable, path }: Pick<PemFile, 'variable' | 'path'>, problem: string) {
    super(`${variable} names ${path}, ${problem}`);
    this.variable = variable;
    this.path = path;
    this.problem = `names ${path}, ${problem}`;
  }
}

/** A certificate with its facts. */
export interface ReadCertificate extends CertificateFacts {
  readonly x509: X509Certificate;
}

const pemCertificate = /-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs;
const pemKey = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/;

/** Whether the file has a private key. */
export function hasKey({ text }: PemFile): boolean {
  return pemKey.test(text);
}

/** Returns the certificates of a file, at least one. Throws a PemFault. */
export function readCertificates(file: PemFile, what: string): readonly [ReadCertificate, ...ReadCertificate[]] {
  if (file.text.trim() === '') throw new PemFault(file, `which is empty: it must have ${what}, as PEM`);
  const [first, ...rest] = (file.text.match(pemCertificate) ?? []).map((pem, index) => {
    try {
      const x509 = new X509Certificate(pem);
      return { x509, ...certificateFacts(x509) };
    } catch (error) {
      throw new PemFault(file, `whose certificate ${index + 1} cannot be read: ${messageOf(error)}; write it again`);
    }
  });
  if (first !== undefined) return [first, ...rest];
  const found = hasKey(file) ? 'has a private key and no certificate' : 'has no certificate in PEM';
  throw new PemFault(file, `which ${found}: it must have ${what}`);
}
