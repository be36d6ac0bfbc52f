import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { identityOf, type Revoked, revokedIn } from './revocation-lists.ts';
import type { TlsMaterial } from './tls-options.ts';

/** Why a certificate is no longer trusted; the values are those of a metric's label. */
export interface Distrust {
  readonly reason: 'tls_expired' | 'tls_revoked' | 'tls_untrusted';
  readonly problem: string;
}

/**
 * Returns the certificate of a peer and those that lead to its CA, whose certificate is the last; empty without one.
 */
export function chainOf(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  // OpenSSL has built it, and repeats its root for ever.
  while (next !== undefined && !chain.some(({ raw }) => next?.raw.equals(raw))) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

/** When the first certificate of a chain expires, in milliseconds since the epoch. */
export function chainEndMs(chain: readonly X509Certificate[]): number {
  return Math.min(...chain.map(({ validToDate }) => validToDate.getTime()));
}

const pemCertificate = /-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs;

/** What the chains of open connections are held against: they have passed a handshake, with what counted then. */
export class TrustAnchors {
  readonly #authorities: readonly X509Certificate[];
  readonly #revoked: Revoked;

  /** Throws an error if the material cannot be read. */
  constructor({ ca, crl }: Pick<TlsMaterial, 'ca' | 'crl'>) {
    this.#authorities = (String(ca).match(pemCertificate) ?? []).map((pem) => new X509Certificate(pem));
    this.#revoked = crl === undefined ? new Set() : revokedIn(crl);
  }

  /** Returns why a chain is no longer trusted; `undefined` if it is. */
  distrust(chain: readonly X509Certificate[], nowMs: number): Distrust | undefined {
    if (chain.some((certificate) => this.#revoked.has(identityOf(certificate))))
      return { reason: 'tls_revoked', problem: 'is revoked' };
    if (!chain.some((certificate) => this.#vouchesFor(certificate)))
      return { reason: 'tls_untrusted', problem: 'is of a CA that is no longer trusted' };
    return chainEndMs(chain) > nowMs ? undefined : { reason: 'tls_expired', problem: 'has expired' };
  }

  #vouchesFor(certificate: X509Certificate): boolean {
    return this.#authorities.some(
      (ca) => ca.raw.equals(certificate.raw) || (certificate.checkIssued(ca) && certificate.verify(ca.publicKey)),
    );
  }
}
