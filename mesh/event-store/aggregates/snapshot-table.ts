import { crc32 } from 'node:zlib';
import { readPages } from '../../storage/read-pages.ts';
import type { Queryable, Transaction } from '../../storage/storage.ts';
import type { RecordedEvent } from '../event-store.ts';
import { columns, type EventRow, eventsOf } from '../streams/event-table.ts';

/** The state of a stream at a version. */
export interface Snapshot {
  readonly version: bigint;
  readonly schemaVersion: number;
  /** JSON text. */
  readonly state: string;
}

/** A page of a stream, and the snapshot that belongs to its first event. */
export interface PageSinceSnapshot {
  /** `isWhole` is false if its checksum differs. */
  readonly snapshot: (Snapshot & { readonly isWhole: boolean }) | undefined;
  readonly events: readonly RecordedEvent[];
}

interface SinceSnapshotRow extends EventRow {
  readonly snapshot_state: string | null;
  readonly snapshot_checksum: bigint | null;
}

// Only the row of the snapshot's own event has its state. The CASE is for PostgreSQL: while it has no statistics of the table, it
// expects that hardly any snapshot has a given schema version, so it would read and sort all snapshots of the stream, not only the
// last one. It expects a CASE to be true half of the time.
const selection = `
  WITH newest AS (
    SELECT version AS snapshot_version, state AS snapshot_state, checksum AS snapshot_checksum FROM event_snapshot
    WHERE stream = $1 AND version <= $2 AND CASE WHEN schema_version = $3 THEN TRUE END ORDER BY version DESC LIMIT 1
  )
  SELECT ${columns}, snapshot_state, snapshot_checksum FROM event LEFT JOIN newest ON snapshot_version = version
  WHERE stream = $1 AND version >= COALESCE((SELECT snapshot_version FROM newest), 1) AND version <= $2
  ORDER BY version LIMIT $4`;

/**
 * Returns the events of a stream up to a version from that of its newest snapshot on, or from the first if there is none, with
 * one statement: each waits for the flush before it, or for the server. `undefined` if the snapshot's own event is missing, so
 * it belongs to another history, or if the stream is empty. Throws DATA_LOSS `EVENT_MISSING` at a gap.
 */
export async function selectSinceSnapshot(
  db: Queryable,
  stream: string,
  schemaVersion: number,
  { upTo, limit }: { readonly upTo: bigint; readonly limit: number },
): Promise<PageSinceSnapshot | undefined> {
  const rows = await db.query<SinceSnapshotRow>(selection, [stream, upTo, schemaVersion, limit]);
  const [first] = rows;
  if (first === undefined || (first.snapshot_state === null && first.version !== 1n)) return undefined;
  const events = eventsOf(rows, stream, first.version);
  if (first.snapshot_state === null) return { snapshot: undefined, events };
  const snapshot = { version: first.version, schemaVersion, state: first.snapshot_state };
  const isWhole = BigInt(checksumOf(stream, snapshot)) === first.snapshot_checksum;
  return { snapshot: { ...snapshot, isWhole }, events };
}

/** Returns the version of the last snapshot of a stream; 0 without one. */
export async function lastSnapshotVersion(db: Queryable, stream: string): Promise<bigint> {
  const [row] = await db.query<{ version: bigint | null }>(
    'SELECT MAX(version) AS version FROM event_snapshot WHERE stream = $1',
    [stream],
  );
  return row?.version ?? 0n;
}

/** Yields the snapshots of a stream up to a version, in order. */
export function readSnapshots(
  db: Queryable,
  stream: string,
  upTo: bigint,
  signal: AbortSignal,
): AsyncGenerator<Snapshot> {
  return readPages({
    after: 0n,
    signal,
    fetch: (after, size) =>
      db.query<{ version: bigint; schema_version: bigint; state: string }>(
        `SELECT version, schema_version, state FROM event_snapshot
         WHERE stream = $1 AND version > $2 AND version <= $3 ORDER BY version LIMIT $4`,
        [stream, after, upTo, size],
      ),
    cursorOf: ({ version }) => version,
    map: ({ version, schema_version, state }) => ({ version, schemaVersion: Number(schema_version), state }),
  });
}

/** Saves a snapshot. Replaces one of the same version. */
export function upsertSnapshot(tx: Transaction, stream: string, snapshot: Snapshot): void {
  tx.defer(
    `INSERT INTO event_snapshot (stream, version, schema_version, state, checksum) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (stream, version) DO UPDATE
     SET schema_version = excluded.schema_version, state = excluded.state, checksum = excluded.checksum`,
    [stream, snapshot.version, snapshot.schemaVersion, snapshot.state, checksumOf(stream, snapshot)],
  );
}

function checksumOf(stream: string, { version, schemaVersion, state }: Snapshot): number {
  return crc32(`${stream}\n${version}\n${schemaVersion}\n${state}`);
}
