import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { invalidTls } from './errors.ts';

/** The one protocol that is spoken over TLS, by its name in ALPN. */
export const alpnProtocol = 'h2';

/**
 * Reads keys and certificates. `whose` is named in the error: INVALID_ARGUMENT `INVALID_TLS` for what cannot be read or does
 * not belong together.
 */
export function secureContext(whose: string, options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext({ minVersion: 'TLSv1.2', ...options });
  } catch (cause) {
    throw invalidTls({ whose, problem: cause instanceof Error ? cause.message : String(cause) }, { cause });
  }
}
