import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';

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
    const why = cause instanceof Error ? cause.message : String(cause);
    const text = `the TLS key and certificates ${whose} cannot be used (${why}): give PEM texts that belong together`;
    throw new MeshError(Status.INVALID_ARGUMENT, 'INVALID_TLS', text, { cause });
  }
}
