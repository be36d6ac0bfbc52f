import type { Storage } from '../../storage/storage.ts';
import { logFailedAttempt } from '../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { DatabaseClock } from '../store/database-clock.ts';
import { releaseLeases, renewLeases } from '../store/leases.ts';

export interface LeaseKeeperOptions {
  readonly storage: Storage;
  readonly clock: DatabaseClock;
  readonly logger: Logger;
  readonly owner: string;
  readonly leaseMs: number;
  /** Returns the ids of the sagas whose leases are held here; `undefined` to renew no longer. */
  readonly held: () => readonly string[] | undefined;
}

/** Keeps the leases of the sagas that this process drives. */
export interface LeaseKeeper {
  /** Renews them three times in each lease time, and adjusts the clock. */
  start(): void;
  /** Renews them no longer. Resolves when the renewal in progress has ended. */
  stop(): Promise<void>;
  /** Releases all of them. */
  release(): Promise<void>;
}

export function createLeaseKeeper({ storage, clock, logger, owner, leaseMs, held }: LeaseKeeperOptions): LeaseKeeper {
  let isStopped = false;
  let cancelTimer: () => void = () => undefined;
  let renewing: Promise<void> | undefined;

  function renewLater(): void {
    if (isStopped || held() === undefined) return;
    cancelTimer = clock.after(leaseMs / 3, () => {
      renewing = renew(held() ?? []).finally(renewLater);
    });
  }

  async function renew(ids: readonly string[]): Promise<void> {
    try {
      // Leases first: a database that is slow to return the time must not cost them.
      if (ids.length > 0) await renewLeases(storage, owner, ids, clock.now() + leaseMs);
      await clock.adjust();
    } catch (error) {
      const text = 'saga leases cannot be renewed; other processes may take them';
      logFailedAttempt({ logger, clock, level: 'warn' }, { err: error }, text);
    }
  }

  return {
    start: renewLater,
    async stop() {
      isStopped = true;
      cancelTimer();
      await renewing;
    },
    async release() {
      try {
        await releaseLeases(storage, 'own', owner, clock.now());
      } catch (error) {
        logger.warn({ err: error }, 'saga leases cannot be released; other processes wait until they expire');
      }
    },
  };
}
