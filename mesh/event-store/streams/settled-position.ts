import type { Queryable, Storage } from '../../storage/storage.ts';
import { lastPosition } from './event-table.ts';

/** How far the positions of events are settled. */
export interface Horizon {
  /** No event at or before this position can be committed any more that is not committed already. */
  readonly settled: bigint;
  /** The last position that was given out; above `settled` while transactions are under way. */
  readonly allocated: bigint;
}

/**
 * Looks how far a reader may go. SQLite has one writer, so that what is committed is settled. On PostgreSQL positions are
 * given out before they are committed, and a reader that takes what it sees for all there is would miss one that is
 * committed late; so it goes only as far as no transaction is under way that had begun when the position was given out.
 * A transaction that writes elsewhere in the same server holds it up too, for as long as it lasts.
 */
export function createHorizon(storage: Storage): () => Promise<Horizon> {
  return storage.dialect === 'sqlite' ? () => committed(storage) : createSettling(storage);
}

async function committed(db: Queryable): Promise<Horizon> {
  const last = await lastPosition(db);
  return { settled: last, allocated: last };
}

/** Positions up to `allocated` belong to transactions with ids below `nextId`. */
interface Sample {
  readonly allocated: bigint;
  readonly nextId: bigint;
}

function createSettling(db: Queryable): () => Promise<Horizon> {
  let settled = 0n;
  // The oldest sample that is not settled: under load a new one each time would be put off for ever.
  let waiting: Sample | undefined;

  const settle = ({ allocated, nextId }: Sample, oldestId: bigint): boolean => {
    if (nextId > oldestId) return false;
    if (allocated > settled) settled = allocated;
    return true;
  };
  return async () => {
    const allocated = await lastAllocated(db);
    if (allocated < settled || (waiting !== undefined && allocated < waiting.allocated)) {
      // Positions never go back, but a database does that was restored, or whose place was taken by one that is behind.
      settled = 0n;
      waiting = undefined;
    }
    if (waiting !== undefined && settle(waiting, await oldestRunning(db))) waiting = undefined;
    if (allocated > settled && waiting === undefined) {
      // After the position is read: whoever got one up to it had its id before.
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

/** Every transaction with a lesser id has ended. */
async function oldestRunning(db: Queryable): Promise<bigint> {
  const [row] = await db.query<{ oldest: string }>(
    'SELECT CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS oldest',
  );
  return BigInt(row?.oldest ?? 0);
}

/**
 * Takes the next id of a transaction: those that have one already have lesser ones. The end of a snapshot would not do: it
 * is behind the last transaction that has ended, and before others that run.
 */
async function takeId(db: Queryable): Promise<{ readonly nextId: bigint; readonly oldestId: bigint }> {
  const [row] = await db.query<{ next: string; oldest: string }>(
    `SELECT CAST(pg_current_xact_id() AS TEXT) AS next,
       CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS oldest`,
  );
  return { nextId: BigInt(row?.next ?? 0), oldestId: BigInt(row?.oldest ?? 0) };
}
