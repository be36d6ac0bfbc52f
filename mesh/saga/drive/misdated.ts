import type { Storage } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { longestDelayMs, type RetryPolicy } from '../decide/retry-delay.ts';
import { resetMisdated } from '../store/leases.ts';

/**
 * Finds sagas that are due, or leased, for later than any saga can be: a process whose clock was ahead left them so, and
 * nobody would look at them until then.
 */
export interface MisdatedCheck {
  /** How far ahead a saga may be due. */
  readonly farthestMs: number;
  /** Makes them due now, with a warning. Reads the database once per lease, or if there is certainly one. */
  run(isCertain: boolean): Promise<void>;
}

export function createMisdatedCheck(options: {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly owner: string;
  readonly leaseMs: number;
  readonly retry: RetryPolicy;
}): MisdatedCheck {
  const { storage, clock, logger, owner, leaseMs, retry } = options;
  // The clocks of processes that share a database may differ by the length of a lease.
  const farthestMs = longestDelayMs(retry) + leaseMs;
  let checkedMs = Number.NEGATIVE_INFINITY;
  return {
    farthestMs,
    async run(isCertain) {
      if (!isCertain && clock.elapsedMs() < checkedMs + leaseMs) return;
      checkedMs = clock.elapsedMs();
      const nowMs = clock.now();
      const limits = { owner, nowMs, farthestWaitMs: nowMs + farthestMs, farthestLeaseMs: nowMs + 2 * leaseMs };
      const sagas = await resetMisdated(storage, limits);
      if (sagas > 0) {
        logger.warn(
          { sagas },
          'sagas were due later than is possible, so a clock was ahead; they continue now, check the clocks',
        );
      }
    },
  };
}
