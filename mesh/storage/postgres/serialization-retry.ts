import { setTimeout } from 'node:timers/promises';
import { backoff } from '../../time/backoff.ts';
import { contentionError } from './errors.ts';

const maxAttempts = 6;
const retryDelayMs = backoff({ firstMs: 10, maxMs: 160, jitter: [0, 1] });

/**
 * Resolves when what lost a race, or found a stale statement, may run again, after a random delay that grows with its
 * `attempts` so far.
 * Rejects with UNAVAILABLE `STORAGE_CONTENTION` when these were six.
 */
export async function waitBeforeRunningAgain(error: unknown, server: string, attempts: number): Promise<void> {
  if (attempts >= maxAttempts) throw contentionError(error, server, attempts);
  await setTimeout(retryDelayMs(attempts));
}
