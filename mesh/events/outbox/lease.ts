import { nowSql } from '../../storage/sql.ts';
import type { Queryable, Storage } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { OutboxKind } from './outbox-table.ts';

/** The lease as it was read. */
export interface LeaseState {
  readonly holder: string;
  readonly untilMs: bigint;
  readonly leftMs: bigint;
}

/** Decides which relay delivers the entries of a kind if several processes share the database. */
export interface OutboxLease {
  read(db: Queryable): Promise<LeaseState>;
  /** Whether this relay was the last to take the lease. Until it takes it again, it may have expired. */
  isOwn(read: LeaseState): boolean;
  /** Takes or renews the lease, if that is due. Returns false if another relay holds it, or has changed it since it was read. */
  take(read: LeaseState): Promise<boolean>;
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
    async read(db) {
      const [lease] = await db.query<{ holder: string; until_ms: bigint; left_ms: bigint }>(
        `SELECT holder, until_ms, until_ms - ${nowMs} AS left_ms FROM outbox_lease WHERE kind = $1`,
        [kind],
      );
      if (lease === undefined)
        throw new Error(`outbox lease of kind ${kind} has no row: restore the table outbox_lease`);
      return { holder: lease.holder, untilMs: lease.until_ms, leftMs: lease.left_ms };
    },
    isOwn: (read) => read.holder === holder,
    async take(read) {
      const isStray = read.leftMs > leaseMs;
      if (read.holder !== holder && read.leftMs > 0n && !isStray) return false;
      if (read.holder === holder && read.leftMs > renewMs && !isStray) return true;
      const taken = await storage.execute(
        `UPDATE outbox_lease SET holder = $2, until_ms = ${nowMs} + $5 WHERE kind = $1 AND holder = $3 AND until_ms = $4`,
        [kind, holder, read.holder, read.untilMs, leaseMs],
      );
      if (taken === 1 && isStray) {
        const details = { kind, holder: read.holder, leftMs: Number(read.leftMs) };
        logger.warn(details, 'outbox lease expires later than possible: a clock was wrong; taking it over');
      }
      return taken === 1;
    },
    async release(db) {
      await db.execute('UPDATE outbox_lease SET until_ms = 0 WHERE kind = $1 AND holder = $2', [kind, holder]);
    },
  };
}
