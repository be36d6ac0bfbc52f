import type { Queryable, Storage, Transaction } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { OutboxKind } from './outbox-table.ts';

/** What says which relay hands on the entries of a kind, where several processes share the database. */
export interface OutboxLease {
  /** Takes or renews it; false while another relay has it. */
  take(tx: Transaction): Promise<boolean>;
  /** Gives it back, if it is still ours. */
  release(db: Queryable): Promise<void>;
}

const leaseMs = 10_000;

/**
 * Makes the lease of a holder. It ends by the clock of the database, which all processes share: one whose own clock is
 * ahead holds up nobody. A lease that would end later than any can was written by another clock, and is taken over.
 */
export function createLease(storage: Storage, kind: OutboxKind, holder: string, logger: Logger): OutboxLease {
  const nowMs =
    storage.dialect === 'postgres'
      ? 'CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)'
      : "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
  return {
    async take(tx) {
      const [lease] = await tx.query<{ holder: string; left_ms: bigint }>(
        `SELECT holder, until_ms - ${nowMs} AS left_ms FROM outbox_lease WHERE kind = $1`,
        [kind],
      );
      if (lease === undefined) throw new Error(`the outbox has no row for the lease of kind ${kind}`);
      const isStray = lease.left_ms > leaseMs;
      if (lease.holder !== holder && lease.left_ms > 0n && !isStray) return false;
      const taken = await tx.execute(
        `UPDATE outbox_lease SET holder = $2, until_ms = ${nowMs} + $4 WHERE kind = $1 AND holder = $3`,
        [kind, holder, lease.holder, leaseMs],
      );
      if (taken === 1 && isStray) {
        const details = { kind, holder: lease.holder, leftMs: Number(lease.left_ms) };
        logger.warn(
          details,
          'the lease of the outbox ends later than any lease can: a clock was wrong; it is taken over',
        );
      }
      return taken === 1;
    },
    async release(db) {
      await db.execute('UPDATE outbox_lease SET until_ms = 0 WHERE kind = $1 AND holder = $2', [kind, holder]);
    },
  };
}
