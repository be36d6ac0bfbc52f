import { setTimeout as sleep } from 'node:timers/promises';
import type { CertsFolder } from '../certs/certs-folder.ts';

/** What is replaced while callers call, in this order. */
export const rotationPhases = ['certificates', 'CA', 'old CA dropped'] as const;
export type RotationPhase = (typeof rotationPhases)[number];

export interface RotationOptions {
  readonly certs: CertsFolder;
  /** How long all certificates are replaced again and again. */
  readonly seconds: number;
  /** Default: 2,000 ms. */
  readonly everyMs?: number;
  /** How long processes may take to read new files. Default: 3,000 ms. */
  readonly readMs?: number;
}

/**
 * Returns what carries out a phase. Before the first one, call `certs.addCa()`, so all trust the CA that comes, callers
 * as well: those read their files once.
 */
export function createRotation({ certs, seconds, everyMs = 2_000, readMs = 3_000 }: RotationOptions) {
  return async (phase: string): Promise<void> => {
    if (phase === 'certificates') {
      const endMs = Date.now() + seconds * 1_000;
      while (Date.now() < endMs) {
        certs.sign(certs.names());
        await sleep(everyMs);
      }
    } else if (phase === 'CA') {
      certs.useAddedCa();
      certs.sign(certs.names());
      await sleep(readMs);
    } else {
      certs.dropOldCas();
      await sleep(readMs);
    }
  };
}
