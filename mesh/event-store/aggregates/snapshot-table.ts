import { crc32 } from 'node:zlib';
import { readPages } from '../../storage/read-pages.ts';
import type { Queryable, Transaction } from '../../storage/storage.ts';

/** The state of a stream at a version. */
export interface Snapshot {
  readonly version: bigint;
  readonly schemaVersion: number;
  /** JSON text. */
  readonly state: string;
}

/** Returns the newest snapshot of a stream up to a version. `isWhole` is false if its checksum differs. */
export async function selectSnapshot(
  db: Queryable,
  stream: string,
  schemaVersion: number,
  upTo: bigint,
): Promise<(Snapshot & { readonly isWhole: boolean }) | undefined> {
  const [row] = await db.query<{ version: bigint; state: string; checksum: bigint }>(
    `SELECT version, state, checksum FROM event_snapshot WHERE stream = $1 AND version <= $2 AND schema_version = $3
     ORDER BY version DESC LIMIT 1`,
    [stream, upTo, schemaVersion],
  );
  if (row === undefined) return undefined;
  const snapshot = { version: row.version, schemaVersion, state: row.state };
  return { ...snapshot, isWhole: BigInt(checksumOf(stream, snapshot)) === row.checksum };
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
