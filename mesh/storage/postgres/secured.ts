import type pg from 'pg';
import { type ServerTrust, trustOptions } from '../../config/server-trust.ts';

/** How connections to PostgreSQL are encrypted, where their URL leaves that open. */
export interface DatabaseTls {
  /** How the server is checked. Default: by the authorities of Node. */
  readonly trust?: ServerTrust;
  /** Whether connections whose URL has no `sslmode` use TLS. Default false. */
  readonly isRequired?: boolean;
}

/** Modes that check nothing, and names of files that say what to check. */
const decided = /[?&](?:sslmode=(?:disable|no-verify)|sslrootcert=|uselibpqcompat=)/;
const mode = /([?&])sslmode=[^&#]*&?/;

/** Returns the URL and the TLS options of its connections. What the URL says about authorities counts. */
export function secured(url: string, tls: DatabaseTls = {}): Pick<pg.ClientConfig, 'connectionString' | 'ssl'> {
  const { trust, isRequired = false } = tls;
  const isEncrypted = mode.test(url) || isRequired;
  if (!isEncrypted || decided.test(url)) return { connectionString: url };
  return {
    // It would replace the options.
    connectionString: url.replace(mode, '$1').replace(/[?&]$/, ''),
    ssl: trustOptions(trust),
  };
}
