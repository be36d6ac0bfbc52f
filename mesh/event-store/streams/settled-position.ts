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
 * settled when every transaction that had appended when it was allocated has ended. Only transactions that append to this
 * event store delay readers.
 */
export function createSettledPosition(storage: Storage): () => Promise<SettledPosition> {
  return storage.dialect === 'sqlite' ? () => readCommitted(storage) : createSettling(storage);
}

async function readCommitted(db: Queryable): Promise<SettledPosition> {
  const last = await lastPosition(db);
  return { settled: last, allocated: last };
}

/** Positions up to `allocated` belong to transactions that have ended and to `writers`. */
interface Sample {
  readonly allocated: bigint;
  readonly writers: Writers;
}

function createSettling(db: Queryable): () => Promise<SettledPosition> {
  let settled = 0n;
  // The oldest sample that is not settled. Under load, newer samples would never settle.
  let waiting: Sample | undefined;

  return async () => {
    const allocated = await lastAllocated(db);
    if (allocated < settled || (waiting !== undefined && allocated < waiting.allocated)) {
      // Positions only decrease if the database was restored, or replaced by an older copy.
      settled = 0n;
      waiting = undefined;
    }
    if (allocated === settled) return { settled, allocated };
    const sample = waiting;
    // After reading the position: each transaction with a position up to it has locked the table by now.
    const writers = await runningWriters(db);
    // Another call may have replaced the sample by one that is newer than these writers.
    if (sample !== undefined && sample === waiting && haveEnded(sample.writers, writers)) {
      settled = sample.allocated;
      waiting = undefined;
    }
    if (allocated > settled && waiting === undefined) {
      if (writers.sessions.size === 0 && !writers.prepared) settled = allocated;
      else waiting = { allocated, writers };
    }
    return { settled, allocated };
  };
}

async function lastAllocated(db: Queryable): Promise<bigint> {
  const [row] = await db.query<{ last: bigint }>('SELECT last_value AS last FROM event_position_seq WHERE is_called');
  return row?.last ?? 0n;
}

/** The transactions that have appended and not ended. */
interface Writers {
  readonly sessions: ReadonlySet<string>;
  /** Whether there are prepared ones. They no longer have the identity of their session. */
  readonly prepared: boolean;
}

function haveEnded(before: Writers, now: Writers): boolean {
  return !now.prepared && before.sessions.isDisjointFrom(now.sessions);
}

/**
 * An INSERT locks its table in this mode, which no reader uses, before it allocates a position. The server releases the lock
 * when the transaction is visible to others or rolled back.
 */
async function runningWriters(db: Queryable): Promise<Writers> {
  const rows = await db.query<{ writer: string; pid: bigint | null }>(
    `SELECT virtualtransaction AS writer, pid FROM pg_locks
     WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND relation = CAST('event' AS regclass)`,
  );
  return { sessions: new Set(rows.map(({ writer }) => writer)), prepared: rows.some(({ pid }) => pid === null) };
}
