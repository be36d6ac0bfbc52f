import type { Clock } from './clock.ts';

/**
 * Resolves with `ended` when `work` does, or with `late` after `graceMs`. Work that is late continues; its failure is ignored.
 * Rejects if the work fails in time.
 */
export async function endOrGrace(work: Promise<unknown>, graceMs: number, clock: Clock): Promise<'ended' | 'late'> {
  const grace = Promise.withResolvers<'late'>();
  const cancel = clock.after(graceMs, () => grace.resolve('late'));
  try {
    return await Promise.race([work.then(() => 'ended' as const), grace.promise]);
  } finally {
    cancel();
  }
}
