import type { Storage } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { longestDelayMs, type RetryPolicy } from '../decide/retry-delay.ts';
import { takeStrays } from '../store/saga-table.ts';

/**
 * Sagas that are due, or leased, for later than any saga can be: a process whose clock was ahead left them so. Nobody would
 * look at them until then.
 */
export interface Strays {
  /** How far ahead a saga may be due. */
  readonly farthestMs: number;
  /** Makes them due now, with a warning; looks once a lease length, or when there is one for sure. */
  takeOver(isSure: boolean): Promise<void>;
}

/** Makes the look for strays of an engine, which leaves its own leases alone. */
export function createStrays(options: {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly owner: string;
  readonly leaseMs: number;
  readonly retry: RetryPolicy;
}): Strays {
  const { storage, clock, logger, owner, leaseMs, retry } = options;
  // The clocks of processes that share a database may differ by a lease without harm.
  const farthestMs = longestDelayMs(retry) + leaseMs;
  let lookedMs = Number.NEGATIVE_INFINITY;
  return {
    farthestMs,
    async takeOver(isSure) {
      if (!isSure && clock.elapsedMs() < lookedMs + leaseMs) return;
      lookedMs = clock.elapsedMs();
      const nowMs = clock.now();
      const limits = { owner, nowMs, farthestWaitMs: nowMs + farthestMs, farthestLeaseMs: nowMs + 2 * leaseMs };
      const sagas = await takeStrays(storage, limits);
      if (sagas > 0) {
        logger.warn(
          { sagas },
          'sagas were due later than can be: a clock was ahead; they continue now, check the clocks',
        );
      }
    },
  };
}
