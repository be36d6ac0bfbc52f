import type { Clock } from './clock.ts';
import { checkTimedOut } from './errors.ts';

/**
 * Settles as `work` does. If that takes longer than `timeoutMs`, rejects with UNAVAILABLE `CHECK_TIMED_OUT`; the work itself
 * continues.
 */
export async function within<Result>(work: Promise<Result>, timeoutMs: number, clock: Clock): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = clock.after(timeoutMs, () => reject(checkTimedOut({ timeoutMs })));
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel();
  }
}
