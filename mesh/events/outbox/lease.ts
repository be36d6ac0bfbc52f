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
// A lease with more left is not renewed, so most batches read it only.
const renewMs = leaseMs / 2;

/**
 * Creates the lease of a holder. It expires by the clock of the database, which all processes share, so a process whose clock
 * is ahead blocks no other. A lease that would expire later than possible was written by another clock and is taken over.
 */
export function createOutboxLease(storage: Storage, kind: OutboxKind, holder: string, logger: Logger): OutboxLease {
  const nowMs = nowSql(storage);
  return {
    async take(tx) {
      const [lease] = await tx.query<{ holder: string; until_ms: bigint; left_ms: bigint }>(
        `SELECT holder, until_ms, until_ms - ${nowMs} AS left_ms FROM outbox_lease WHERE kind = $1`,
        [kind],
      );
      if (lease === undefined)
        throw new Error(`outbox lease of kind ${kind} has no row: restore the table outbox_lease`);
      const isStray = lease.left_ms > leaseMs;
      if (lease.holder !== holder && lease.left_ms > 0n && !isStray) return false;
      if (lease.holder === holder && lease.left_ms > renewMs && !isStray) return true;
      // Only as it was read: its holder may have taken it again meanwhile.
      const taken = await tx.execute(
        `UPDATE outbox_lease SET holder = $2, until_ms = ${nowMs} + $5 WHERE kind = $1 AND holder = $3 AND until_ms = $4`,
        [kind, holder, lease.holder, lease.until_ms, leaseMs],
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
