import { nowSql } from '../../storage/sql.ts';
import type { Queryable, Storage, Transaction } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { OutboxKind } from './outbox-table.ts';

/** Decides which relay delivers the entries of a kind if several processes share the database. */
export interface OutboxLease {
  /** Takes or renews the lease. Returns false while another relay holds it. */
  take(tx: Transaction): Promise<boolean>;
  /** Releases the lease if this relay still holds it. */
  release(db: Queryable): Promise<void>;
}

const leaseMs = 10_000;

/**
 * Creates the lease of a holder. It expires by the clock of the database, which all processes share, so a process whose clock
 * is ahead blocks no other. A lease that would expire later than possible was written by another clock and is taken over.
 */
export function createOutboxLease(storage: Storage, kind: OutboxKind, holder: string, logger: Logger): OutboxLease {
  const nowMs = nowSql(storage);
  return {
    async take(tx) {
      const [lease] = await tx.query<{ holder: string; left_ms: bigint }>(
        `SELECT holder, until_ms - ${nowMs} AS left_ms FROM outbox_lease WHERE kind = $1`,
        [kind],
      );
      if (lease === undefined)
        throw new Error(`outbox lease of kind ${kind} has no row: restore the table outbox_lease`);
      const isStray = lease.left_ms > leaseMs;
      if (lease.holder !== holder && lease.left_ms > 0n && !isStray) return false;
      const taken = await tx.execute(
        `UPDATE outbox_lease SET holder = $2, until_ms = ${nowMs} + $4 WHERE kind = $1 AND holder = $3`,
        [kind, holder, lease.holder, leaseMs],
      );
      if (taken === 1 && isStray) {
        const details = { kind, holder: lease.holder, leftMs: Number(lease.left_ms) };
        logger.warn(details, 'outbox lease expires later than possible: a clock was wrong; taking it over');
      }
      return taken === 1;
    },
    async release(db) {
      await db.execute('UPDATE outbox_lease SET until_ms = 0 WHERE kind = $1 AND holder = $2', [kind, holder]);
    },
  };
}
