import { readFileSync } from 'node:fs';
import { ConfigError } from '../config/config.ts';
import type { RegistryTls } from '../config/discovery-url.ts';
import type { ServerTrust } from '../config/server-trust.ts';
import { messageOf } from '../errors/error-text.ts';

/** Reads the authorities of a registry; without a file they are those of `trust`. Throws a ConfigError if that is not possible. */
export function readTls({ caFile }: RegistryTls, trust: ServerTrust = {}): ServerTrust {
  try {
    return { ...trust, ...(caFile !== undefined && { ca: readFileSync(caFile, 'utf8') }) };
  } catch (error) {
    throw new ConfigError([
      { variable: 'DISCOVERY_URL', problem: `needs the authorities of the registry: ${messageOf(error)}` },
    ]);
  }
}
