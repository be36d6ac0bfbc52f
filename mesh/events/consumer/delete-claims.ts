import { skipLocked } from '../../storage/skip-locked.ts';
import type { Dialect, Transaction } from '../../storage/storage.ts';

/** Which claims are old, by the aging clock. */
export interface ClaimAges {
  readonly nowMs: number;
  /** Claims from before this time are deleted. */
  readonly beforeMs: number;
}

/** A claim that was deleted. */
export type DeletedClaim = {
  readonly consumer_group: string;
  readonly time_ms: bigint;
  /** `null`: an earlier version did not store when the event happened. */
  readonly event_time_ms: bigint | null;
};

/** What one commit deleted. */
export interface DeletedLot {
  readonly claims: readonly DeletedClaim[];
  /** After which row the next lot begins; `undefined` if no old claims follow. */
  readonly next: bigint | undefined;
}

const maxClaims = 500;

/** Deletes old claims, a lot of limited size. The first one is that after row 0. */
export function deleteClaims(tx: Transaction, dialect: Dialect, ages: ClaimAges, after: bigint): Promise<DeletedLot> {
  return dialect === 'sqlite' ? deleteInOrder(tx, ages, after) : deleteByIndex(tx, ages);
}

/**
 * Rows are in the order of their time, so the old ones are the first. Except those that were written while a clock was ahead: what
 * is from the future is passed over.
 */
async function deleteInOrder(tx: Transaction, { nowMs, beforeMs }: ClaimAges, after: bigint): Promise<DeletedLot> {
  const rows = await tx.query<{ place: bigint; time_ms: bigint }>(
    'SELECT rowid AS place, time_ms FROM inbox WHERE rowid > $1 ORDER BY rowid LIMIT $2',
    [after, maxClaims],
  );
  const last = rows.at(-1)?.place;
  if (last === undefined) return { claims: [], next: undefined };
  const claims = await tx.query<DeletedClaim>(
    `DELETE FROM inbox WHERE rowid > $1 AND rowid <= $2 AND time_ms < $3
     RETURNING consumer_group, time_ms, event_time_ms`,
    [after, last, beforeMs],
  );
  const areYoung = rows.some(({ time_ms }) => time_ms >= beforeMs && time_ms <= nowMs);
  return { claims, next: claims.length === 0 && areYoung ? undefined : last };
}

async function deleteByIndex(tx: Transaction, { beforeMs }: ClaimAges): Promise<DeletedLot> {
  const claims = await tx.query<DeletedClaim>(
    `DELETE FROM inbox WHERE (consumer_group, event_id) IN
       (SELECT consumer_group, event_id FROM inbox WHERE time_ms < $1 LIMIT $2 ${skipLocked({ dialect: 'postgres' })})
     RETURNING consumer_group, time_ms, event_time_ms`,
    [beforeMs, maxClaims],
  );
  return { claims, next: claims.length > 0 ? 0n : undefined };
}
