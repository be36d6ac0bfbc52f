import type { SecureContext } from 'node:tls';
import { secureContext } from './secure-context.ts';
import type { ClientTls } from './tls-options.ts';

/** The context of the next connection to `address`. Throws INVALID_ARGUMENT `INVALID_TLS`. */
export function clientContext(address: string, { identity, ca, minVersion }: ClientTls): SecureContext {
  return secureContext(
    { whose: `of the client of ${address}`, minVersion },
    identity?.current ?? (ca === undefined ? {} : { ca }),
  );
}
