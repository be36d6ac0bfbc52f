import { setTimeout as delay } from 'node:timers/promises';
import { collected } from '../peers/collect-garbage.ts';
import type { LoadedServer } from './server.ts';

/** Returns the resident memory of a server after a garbage collection, in MB. It has to collect on SIGUSR2. */
export async function usedMb(server: LoadedServer): Promise<number> {
  const before = collections(server);
  server.child.kill('SIGUSR2');
  while (collections(server) === before) await delay(20);
  return server.residentMb();
}

function collections(server: LoadedServer): number {
  return server.stdout().split(collected).length;
}
