import { readFileSync } from 'node:fs';
import { messageOf } from '../errors/error-text.ts';
import type { Clock } from '../time/clock.ts';
import { registryRefused } from './errors.ts';

/** Tokens are replaced while a process runs: Kubernetes writes a new one each hour. */
const readEveryMs = 60_000;

/** Returns a function that returns the token in a file. It throws REGISTRY_REFUSED if that cannot be read. */
export function createTokenFile(file: string, registry: string, clock: Clock): () => string {
  let token = '';
  let readMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.elapsedMs() - readMs < readEveryMs) return token;
    try {
      token = readFileSync(file, 'utf8').trim();
    } catch (error) {
      throw registryRefused({ registry, problem: `token file: ${messageOf(error)}` }, { cause: error });
    }
    readMs = clock.elapsedMs();
    return token;
  };
}
