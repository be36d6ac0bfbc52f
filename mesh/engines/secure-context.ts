import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf } from '../errors/error-text.ts';
import { invalidTls } from './errors.ts';

/** The ALPN name of HTTP/2, the only protocol over TLS. */
export const alpnProtocol = 'h2';

/**
 * Reads keys and certificates. Throws INVALID_ARGUMENT `INVALID_TLS`, which names `whose`, if they cannot be read or do not
 * match.
 */
export function secureContext(whose: string, options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext({ minVersion: 'TLSv1.2', ...options });
  } catch (cause) {
    throw invalidTls({ whose, problem: messageOf(cause) }, { cause });
  }
}
