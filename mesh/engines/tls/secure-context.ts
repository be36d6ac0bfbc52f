import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf } from '../../errors/error-text.ts';
import { invalidTls } from '../errors.ts';
import type { TlsMaterial, TlsVersion } from './tls-options.ts';

/** The ALPN name of HTTP/2, the only protocol over TLS. */
export const alpnProtocol = 'h2';

// Those with forward secrecy and AEAD, as HTTP/2 demands (RFC 9113 section 9.2.2). Level 2 of OpenSSL refuses keys
// below 2,048 bits (RSA) or 224 (elliptic curves) and signatures with SHA-1.
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE+AESGCM',
  'ECDHE+CHACHA20',
  '@SECLEVEL=2',
].join(':');

/** Who uses a context, for the text of an error, and from which version of TLS on. */
export interface ContextUse {
  readonly whose: string;
  readonly minVersion: TlsVersion | undefined;
}

/**
 * Reads keys and certificates. Throws INVALID_ARGUMENT `INVALID_TLS`, which names `whose`, if they cannot be read
 * or do not match.
 */
export function secureContext({ whose, minVersion }: ContextUse, material: Partial<TlsMaterial>): SecureContext {
  try {
    return createSecureContext(contextOptions(material, minVersion));
  } catch (cause) {
    throw invalidTls({ whose, problem: messageOf(cause) }, { cause });
  }
}

/** The options of a context, for a server that makes its own. */
export function contextOptions(
  { key, cert, ca, crl }: Partial<TlsMaterial>,
  minVersion: TlsVersion = '1.3',
): SecureContextOptions {
  const isOfServer = constants.SSL_OP_CIPHER_SERVER_PREFERENCE;
  return {
    key,
    cert,
    // Not empty: for that, Node takes the CAs that it trusts.
    ca: ca === undefined ? undefined : Buffer.from(ca),
    // An intermediate CA may be trusted without the one above it.
    allowPartialTrustChain: true,
    // Node reads only the first list of a text.
    crl: crl === undefined ? undefined : listsIn(crl),
    minVersion: minVersion === '1.2' ? 'TLSv1.2' : 'TLSv1.3',
    ciphers,
    // A session that is resumed is not checked against the CAs and lists of today.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION | isOfServer,
  };
}

const pemList = /-----BEGIN X509 CRL-----.*?-----END X509 CRL-----/gs;

/** The lists of revoked certificates in a text; the text itself if there is none, which makes OpenSSL complain. */
export function listsIn(crl: string | Buffer): string[] {
  const text = String(crl);
  return text.match(pemList) ?? [text];
}
