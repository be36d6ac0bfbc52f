import { crc32 } from 'node:zlib';
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

/** Returns the snapshots of a stream by version. */
export async function selectSnapshots(db: Queryable, stream: string): Promise<ReadonlyMap<bigint, Snapshot>> {
  const rows = await db.query<{ version: bigint; schema_version: bigint; state: string }>(
    'SELECT version, schema_version, state FROM event_snapshot WHERE stream = $1',
    [stream],
  );
  return new Map(
    rows.map(({ version, schema_version, state }) => [
      version,
      { version, schemaVersion: Number(schema_version), state },
    ]),
  );
}

/** Saves a snapshot. Replaces one of the same version. */
export async function upsertSnapshot(tx: Transaction, stream: string, snapshot: Snapshot): Promise<void> {
  await tx.execute(
    `INSERT INTO event_snapshot (stream, version, schema_version, state, checksum) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (stream, version) DO UPDATE
     SET schema_version = excluded.schema_version, state = excluded.state, checksum = excluded.checksum`,
    [stream, snapshot.version, snapshot.schemaVersion, snapshot.state, checksumOf(stream, snapshot)],
  );
}

function checksumOf(stream: string, { version, schemaVersion, state }: Snapshot): number {
  return crc32(`${stream}\n${version}\n${schemaVersion}\n${state}`);
}
