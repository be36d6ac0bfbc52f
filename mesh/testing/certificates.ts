import { type KeyObject, X509Certificate } from 'node:crypto';
import {
  type CertificateRequest,
  createKey,
  type Issuer,
  issueCertificate,
  issueRevocations,
  keyPem,
} from './x509/issue.ts';

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
  /** Signs a new key for what the certificate is to say, valid or not. */
  issue(request: CertificateRequest): Certificate;
  /** Signs a new key for a service on this machine, with its SPIFFE id in the trust domain `ordermesh`. */
  issueFor(service: string): Certificate;
  /** Creates an authority whose certificate this one signs. Certificates that it issues are followed by its own. */
  intermediate(name: string): TestCa;
  /** Returns the list of these revoked certificates as PEM. */
  revoke(...certificates: readonly Certificate[]): string;
}

/** Creates an authority whose certificate it signs itself. */
export async function createTestCa(name = 'test CA'): Promise<TestCa> {
  const key = createKey();
  const issuer = { name, key };
  return authority(issuer, issueCertificate(key, { commonName: name, isCa: true }, issuer), '');
}

/** Returns a key with a certificate that it has signed itself. */
export function selfSigned(request: CertificateRequest): Certificate {
  const key = createKey();
  const name = request.commonName ?? request.names?.[0] ?? 'test';
  return { key: keyPem(key), cert: issueCertificate(key, request, { name, key }) };
}

function authority(issuer: Issuer, cert: string, chain: string): TestCa {
  const issue = (request: CertificateRequest): Certificate => {
    const key: KeyObject = createKey(request.key);
    return { key: keyPem(key), cert: issueCertificate(key, request, issuer) + chain };
  };
  return {
    cert,
    sign: async (...names) => issue({ names }),
    issue,
    issueFor: (service) =>
      issue({ names: ['localhost', '127.0.0.1', '::1', service], uris: [`spiffe://ordermesh/${service}`] }),
    intermediate(name) {
      const key = createKey();
      const own = issueCertificate(key, { commonName: name, isCa: true }, issuer);
      return authority({ name, key }, own, own + chain);
    },
    revoke: (...certificates) =>
      issueRevocations(
        certificates.map(({ cert: pem }) => new X509Certificate(pem).serialNumber),
        issuer,
      ),
  };
}
