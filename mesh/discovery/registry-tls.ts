import { readFileSync } from 'node:fs';
import { ConfigError } from '../config/config.ts';
import type { RegistryTls } from '../config/discovery-url.ts';
import { messageOf } from '../errors/error-text.ts';

/** Reads the authorities of a registry. Throws a ConfigError if that is not possible. */
export function readTls({ caFile }: RegistryTls): { readonly ca: string | undefined } {
  try {
    return { ca: caFile === undefined ? undefined : readFileSync(caFile, 'utf8') };
  } catch (error) {
    throw new ConfigError([
      { variable: 'DISCOVERY_URL', problem: `needs the authorities of the registry: ${messageOf(error)}` },
    ]);
  }
}
