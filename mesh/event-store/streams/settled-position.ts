import type { Queryable, Storage } from '../../storage/storage.ts';
import { lastPosition } from './event-table.ts';

/** Up to which position readers can read. */
export interface SettledPosition {
  /** No transaction can still commit an event at or before this position. */
  readonly settled: bigint;
  /** The last allocated position. It is greater than `settled` while transactions are in progress. */
  readonly allocated: bigint;
}

/**
 * Finds the settled position. SQLite has one writer, so committed positions are settled. PostgreSQL allocates positions
 * before they are committed: a reader that takes all it sees would miss an event that is committed late. So a position is
 * settled when every transaction that had started when it was allocated has ended. Any long transaction in the same
 * server delays readers.
 */
export function createSettledPosition(storage: Storage): () => Promise<SettledPosition> {
  return storage.dialect === 'sqlite' ? () => readCommitted(storage) : createSettling(storage);
}

async function readCommitted(db: Queryable): Promise<SettledPosition> {
  const last = await lastPosition(db);
  return { settled: last, allocated: last };
}

/** Positions up to `allocated` belong to transactions with ids below `nextId`. */
interface Sample {
  readonly allocated: bigint;
  readonly nextId: bigint;
}

function createSettling(db: Queryable): () => Promise<SettledPosition> {
  let settled = 0n;
  // The oldest sample that is not settled. Under load, newer samples would never settle.
  let waiting: Sample | undefined;

  const settle = ({ allocated, nextId }: Sample, oldestId: bigint): boolean => {
    if (nextId > oldestId) return false;
    if (allocated > settled) settled = allocated;
    return true;
  };
  return async () => {
    const allocated = await lastAllocated(db);
    if (allocated < settled || (waiting !== undefined && allocated < waiting.allocated)) {
      // Positions only decrease if the database was restored, or replaced by an older copy.
      settled = 0n;
      waiting = undefined;
    }
    if (waiting !== undefined && settle(waiting, await oldestRunning(db))) waiting = undefined;
    if (allocated > settled && waiting === undefined) {
      // After reading the position: every transaction with a position up to it already has an id.
      const { nextId, oldestId } = await takeId(db);
      const sample = { allocated, nextId };
      if (!settle(sample, oldestId)) waiting ??= sample;
    }
    return { settled, allocated };
  };
}

async function lastAllocated(db: Queryable): Promise<bigint> {
  const [row] = await db.query<{ last: bigint }>('SELECT last_value AS last FROM event_position_seq WHERE is_called');
  return row?.last ?? 0n;
}

/** Returns the id below which all transactions have ended. */
async function oldestRunning(db: Queryable): Promise<bigint> {
  const [row] = await db.query<{ oldest: string }>(
    'SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS oldest',
  );
  return BigInt(row?.oldest ?? 0);
}

/**
 * Allocates the next transaction id: all running transactions have lower ones. The end of a snapshot would not do: it is
 * after the last ended transaction, but before some running ones.
 */
async function takeId(db: Queryable): Promise<{ readonly nextId: bigint; readonly oldestId: bigint }> {
  const [row] = await db.query<{ next: string; oldest: string }>(
    `SELECT CAST(pg_current_xact_id() AS TEXT) AS next,
       CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS oldest`,
  );
  return { nextId: BigInt(row?.next ?? 0), oldestId: BigInt(row?.oldest ?? 0) };
}
