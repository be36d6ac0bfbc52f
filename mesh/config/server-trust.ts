import { readFileSync } from 'node:fs';
import { type Config, ConfigError } from './config.ts';
import type { Authorities } from './setting.ts';
import { tlsSettings } from './tls-settings.ts';

/** How this process checks the certificate of a server that it uses, and proves to it who it is. Each is PEM. */
export interface ServerTrust {
  /** The authorities that may sign the certificate of the server. `undefined`: those of Node. */
  readonly ca?: string | undefined;
  /** The certificate of this process, for servers that ask for one, and its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/**
 * Returns how to check a server: by its own setting, else by `TLS_CA`. The files are read now. Throws a ConfigError that names a
 * file that cannot be read.
 */
export function serverTrust(
  { pem, isOfNode }: Authorities,
  { tlsCa, tlsCert, tlsKey }: Pick<Config, 'tlsCa' | 'tlsCert' | 'tlsKey'>,
): ServerTrust {
  return {
    ca: pem ?? (isOfNode ? undefined : contentOf('tlsCa', tlsCa)),
    cert: contentOf('tlsCert', tlsCert),
    key: contentOf('tlsKey', tlsKey),
  };
}

function contentOf(setting: 'tlsCa' | 'tlsCert' | 'tlsKey', path: string): string | undefined {
  if (path === '') return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const { variable } = tlsSettings[setting];
    throw new ConfigError([{ variable, problem: `is ${JSON.stringify(path)}, which cannot be read (${error.code})` }]);
  }
}
