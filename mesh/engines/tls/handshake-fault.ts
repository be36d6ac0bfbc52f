import type { X509Certificate } from 'node:crypto';
import { cutText } from '../../errors/error-text.ts';

/** Why a peer's certificate is refused; the values are those of a metric's label. */
export interface CertificateFault {
  readonly reason: 'tls_no_certificate' | 'tls_untrusted' | 'tls_expired' | 'tls_revoked' | 'tls_identity';
  readonly problem: string;
}

type Explained = CertificateFault['reason'];

/** The errors of OpenSSL that Node names, and what they say of a certificate, to follow its name. */
const faults: Readonly<Record<string, readonly [reason: Explained, text: string]>> = {
  CERT_HAS_EXPIRED: ['tls_expired', 'has expired, or its CA has'],
  CERT_NOT_YET_VALID: ['tls_expired', 'is not valid yet: check the clocks'],
  CERT_REVOKED: ['tls_revoked', 'is revoked'],
  UNABLE_TO_GET_CRL: ['tls_revoked', 'cannot be checked: there is no list of revoked certificates of its CA'],
  CRL_HAS_EXPIRED: ['tls_revoked', 'cannot be checked: the list of revoked certificates of its CA has expired'],
  CRL_NOT_YET_VALID: ['tls_revoked', 'cannot be checked: the list of revoked certificates is not valid yet'],
  CRL_SIGNATURE_FAILURE: ['tls_revoked', 'cannot be checked: the list of revoked certificates is not of its CA'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['tls_untrusted', 'is signed by itself'],
  SELF_SIGNED_CERT_IN_CHAIN: ['tls_untrusted', 'is of a CA that is not trusted'],
  UNABLE_TO_GET_ISSUER_CERT: ['tls_untrusted', 'is of a CA that is not trusted'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['tls_untrusted', 'is of a CA that is not trusted, or comes without its chain'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['tls_untrusted', 'is of a CA that is not trusted, or comes without its chain'],
  CERT_SIGNATURE_FAILURE: ['tls_untrusted', 'has a signature that its CA did not make'],
  INVALID_CA: ['tls_untrusted', 'is signed by a certificate that is not that of a CA'],
  PATH_LENGTH_EXCEEDED: ['tls_untrusted', 'has a chain that is longer than a CA of it permits'],
  INVALID_PURPOSE: ['tls_untrusted', 'may not be used for this: its extended key usage does not say so'],
};

/** What is wrong with a certificate that OpenSSL does not trust. `code` is Node's name of the error. */
export function certificateFault(certificate: X509Certificate, code: string): CertificateFault {
  const [reason, text] = faults[code] ?? ['tls_untrusted', hiddenFault(certificate)];
  return { reason, problem: `the certificate of ${nameOf(certificate)} ${text} (${code})` };
}

/** What a certificate calls itself, for people: its serial number and alternative names. It may not be true. */
export function nameOf({ subjectAltName, subject, serialNumber }: X509Certificate): string {
  const names = subjectAltName ?? subject?.replaceAll('\n', ', ') ?? 'nobody';
  return cutText(`${JSON.stringify(names)} (serial number ${serialNumber})`, 300);
}

// OpenSSL has one name for all that its level of security forbids, and for rare faults.
function hiddenFault({ publicKey, signatureAlgorithm = '', issuerCertificate }: X509Certificate): string {
  if (issuerCertificate?.ca === false) return 'is signed by a certificate that is not that of a CA';
  const { modulusLength = Number.POSITIVE_INFINITY } = publicKey.asymmetricKeyDetails ?? {};
  if (modulusLength < 2048) return `has a key of ${modulusLength} bits, which is less than 2048`;
  return /sha1|md5/i.test(signatureAlgorithm)
    ? `is signed with ${signatureAlgorithm}, which can be forged`
    : 'cannot be verified: it or its CA has a weak key or signature, or another fault';
}
