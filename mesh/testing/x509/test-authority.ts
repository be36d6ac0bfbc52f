import { type KeyObject, X509Certificate } from 'node:crypto';
import type { Certificate } from '../certificates.ts';
import { type CertificateRequest, createKey, issueCertificate, issueRevocations, keyPem } from './issue.ts';

/** A CA that makes certificates in this process, in milliseconds: also those that none should make. */
export class TestAuthority {
  readonly name: string;
  /** Its own certificate. */
  readonly cert: string;
  readonly #key: KeyObject;

  private constructor(name: string, key: KeyObject, cert: string) {
    this.name = name;
    this.cert = cert;
    this.#key = key;
  }

  static create(name = 'test CA'): TestAuthority {
    const key = createKey();
    return new TestAuthority(name, key, issueCertificate(key, { commonName: name, isCa: true }, { name, key }));
  }

  /** Returns another whose certificate this one has signed, by `request`. Default: that of a CA. */
  below(name: string, request: CertificateRequest = { isCa: true }): TestAuthority {
    const key = createKey();
    return new TestAuthority(name, key, issueCertificate(key, { ...request, commonName: name }, this.#issuer));
  }

  issue(request: CertificateRequest): Certificate {
    const key = createKey(request.key);
    return { key: keyPem(key), cert: issueCertificate(key, request, this.#issuer) };
  }

  /** A certificate of `spiffe://test/<service>` for `localhost` and `127.0.0.1`. */
  issueFor(service: string, request: CertificateRequest = {}): Certificate {
    const uris = [`spiffe://test/${service}`];
    return this.issue({ commonName: service, names: ['localhost', '127.0.0.1'], uris, ...request });
  }

  /** The list of those that are revoked. */
  revoke(...revoked: readonly Certificate[]): string {
    const numbers = revoked.map(({ cert }) => new X509Certificate(cert).serialNumber);
    return issueRevocations(numbers, this.#issuer);
  }

  get #issuer(): { readonly name: string; readonly key: KeyObject } {
    return { name: this.name, key: this.#key };
  }
}
