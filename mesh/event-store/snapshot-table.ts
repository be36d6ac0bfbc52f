import type { Queryable, Transaction } from '../storage/storage.ts';

/** What a stream came to at one of its versions. */
export interface Snapshot {
  readonly version: bigint;
  readonly schemaVersion: number;
  /** JSON text. */
  readonly state: string;
}

/** The newest snapshot of a stream, in a schema version, that is not newer than `upTo`. */
export async function selectSnapshot(
  db: Queryable,
  stream: string,
  schemaVersion: number,
  upTo: bigint,
): Promise<Snapshot | undefined> {
  const [row] = await db.query<{ version: bigint; schema_version: bigint; state: string }>(
    `SELECT version, schema_version, state FROM event_snapshot WHERE stream = $1 AND version <= $2 AND schema_version = $3
     ORDER BY version DESC LIMIT 1`,
    [stream, upTo, schemaVersion],
  );
  return row && { version: row.version, schemaVersion: Number(row.schema_version), state: row.state };
}

/** The snapshots of a stream, by version. */
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

/** Keeps a snapshot, instead of one that is there for the same version. */
export async function upsertSnapshot(tx: Transaction, stream: string, snapshot: Snapshot): Promise<void> {
  await tx.execute(
    `INSERT INTO event_snapshot (stream, version, schema_version, state) VALUES ($1, $2, $3, $4)
     ON CONFLICT (stream, version) DO UPDATE SET schema_version = excluded.schema_version, state = excluded.state`,
    [stream, snapshot.version, snapshot.schemaVersion, snapshot.state],
  );
}
