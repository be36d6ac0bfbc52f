import { crc32 } from 'node:zlib';
import { insertRow } from '../../storage/insert-rows.ts';
import type { Queryable, Row, Transaction } from '../../storage/storage.ts';
import { maxInt64 } from '../../values/int64.ts';
import type { JsonObject } from '../../values/json.ts';
import { eventCorrupt, eventMissing } from '../errors.ts';
import type { RecordedEvent, StreamEvent, StreamRange } from '../event-store.ts';

/** An event as it is stored. */
export interface EncodedEvent extends Omit<StreamEvent, 'data'> {
  /** The data as JSON text. */
  readonly text: string;
  readonly actor: string | undefined;
}

/** The columns of an event, as `columns` has them. */
export interface EventRow extends Row {
  readonly position: bigint;
  readonly stream: string;
  readonly version: bigint;
  readonly type: string;
  readonly schema_version: bigint;
  readonly data: string;
  readonly correlation_id: string;
  readonly time_ms: bigint;
  readonly checksum: bigint;
  readonly actor: string | null;
  readonly actor_checksum: bigint | null;
}

/** What `eventsOf` reads. */
export const columns =
  'position, stream, version, type, schema_version, data, correlation_id, time_ms, checksum, actor, actor_checksum';

const added = 'stream, version, type, schema_version, data, correlation_id, time_ms, checksum, actor, actor_checksum';

/** Adds an event if its stream has the version before. */
const insertion = {
  // IGNORE keeps out a row without a version. It would hide any other NULL or CHECK: `insertEvent` passes no other NULL, and there
  // is no CHECK. A SELECT, as on PostgreSQL, would write the row into a temporary table first.
  sqlite: `INSERT OR IGNORE INTO event (${added}) VALUES (
    $1, CASE WHEN COALESCE((SELECT MAX(version) FROM event WHERE stream = $1), 0) = $9 THEN $2 END, $3, $4, $5, $6, $7, $8, $10, $11)`,
  // Readers of earlier versions, which may use the same database during an update, wait for transaction ids. PostgreSQL
  // allocates them lazily, so the id must exist before the position.
  postgres: `INSERT INTO event (${added})
    SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS TEXT), CAST($6 AS TEXT),
      CAST($7 AS BIGINT), CAST($8 AS BIGINT), CAST($10 AS TEXT), CAST($11 AS BIGINT)
    WHERE pg_current_xact_id() IS NOT NULL
      AND COALESCE((SELECT MAX(version) FROM event WHERE stream = $1), 0) = $9
    ON CONFLICT DO NOTHING`,
};

/** Appends an event to its stream. Returns its position, or `undefined` on a conflict. */
export async function insertEvent(
  tx: Transaction,
  stream: string,
  version: bigint,
  event: EncodedEvent,
): Promise<bigint | undefined> {
  const { type, schemaVersion, text, correlationId, timeMs, actor = null } = event;
  const checksum = checksumOf(stream, version, type, schemaVersion, correlationId, timeMs, text);
  return await insertRow(
    tx,
    insertion[tx.dialect],
    [
      stream,
      version,
      type,
      schemaVersion,
      text,
      correlationId,
      timeMs,
      checksum,
      version - 1n,
      actor,
      actor === null ? null : actorChecksum(checksum, actor),
    ],
    'position',
  );
}

/** Returns the version of a stream; 0 if it has no events. */
export async function currentVersion(db: Queryable, stream: string): Promise<bigint> {
  const [row] = await db.query<{ version: bigint }>(
    'SELECT COALESCE(MAX(version), 0) AS version FROM event WHERE stream = $1',
    [stream],
  );
  return row?.version ?? 0n;
}

/** Returns a page of a stream. Throws DATA_LOSS `EVENT_MISSING` at a gap. */
export async function selectStream(
  db: Queryable,
  stream: string,
  { after = 0n, upTo = maxInt64, limit }: StreamRange & { readonly limit: number },
): Promise<RecordedEvent[]> {
  const rows = await db.query<EventRow>(
    `SELECT ${columns} FROM event WHERE stream = $1 AND version > $2 AND version <= $3 ORDER BY version LIMIT $4`,
    [stream, after, upTo, limit],
  );
  return eventsOf(rows, stream, after + 1n);
}

/** Returns the events of rows of a stream. Throws DATA_LOSS `EVENT_MISSING` at a gap, also before the first one. */
export function eventsOf(rows: readonly EventRow[], stream: string, first: bigint): RecordedEvent[] {
  return rows.map((row, index) => {
    // The checksum first: an event that was moved is corrupt, and those at its place are not missing.
    const event = eventOf(row);
    const expected = first + BigInt(index);
    if (event.version !== expected) throw eventMissing({ stream, version: expected });
    return event;
  });
}

/** Returns a page of all streams. Corrupt events have a fault. */
export async function selectAll(db: Queryable, after: bigint, upTo: bigint, limit: number): Promise<RecordedEvent[]> {
  const rows = await db.query<EventRow>(
    `SELECT ${columns} FROM event WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3`,
    [after, upTo, limit],
  );
  return rows.map(eventOrFault);
}

/** Returns the event at a position. A corrupt one has a fault. */
export async function selectAt(db: Queryable, position: bigint): Promise<RecordedEvent | undefined> {
  const [row] = await db.query<EventRow>(`SELECT ${columns} FROM event WHERE position = $1`, [position]);
  return row && eventOrFault(row);
}

/** Returns the position of the last event; 0 if there are none. */
export async function lastPosition(db: Queryable): Promise<bigint> {
  const [row] = await db.query<{ last: bigint }>('SELECT COALESCE(MAX(position), 0) AS last FROM event');
  return row?.last ?? 0n;
}

/** Returns the stored data of the event at a position, even if it is corrupt. */
export async function rawDataAt(db: Queryable, position: bigint): Promise<string> {
  const [row] = await db.query<{ data: string }>('SELECT data FROM event WHERE position = $1', [position]);
  return row?.data ?? '';
}

/** Returns the time of the first event after a position, in milliseconds since the epoch. */
export async function timeAfter(db: Queryable, position: bigint): Promise<number | undefined> {
  const [row] = await db.query<{ time_ms: bigint }>(
    'SELECT time_ms FROM event WHERE position > $1 ORDER BY position LIMIT 1',
    [position],
  );
  return row && Number(row.time_ms);
}

/** Returns the position of an event of a stream. */
export async function positionOf(db: Queryable, stream: string, version: bigint): Promise<bigint | undefined> {
  const [row] = await db.query<{ position: bigint }>('SELECT position FROM event WHERE stream = $1 AND version = $2', [
    stream,
    version,
  ]);
  return row?.position;
}

/**
 * Returns the version that a stream had at a time, in milliseconds since the epoch; 0 before its first event. Times in a stream
 * never decrease, so it bisects the versions: some 20 point reads for a million events.
 */
export async function versionAsOf(db: Queryable, stream: string, timeMs: number): Promise<bigint> {
  let [low, high] = [0n, await currentVersion(db, stream)];
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    const [row] = await db.query<{ time_ms: bigint }>('SELECT time_ms FROM event WHERE stream = $1 AND version = $2', [
      stream,
      middle,
    ]);
    if (row !== undefined && row.time_ms <= BigInt(timeMs)) low = middle;
    else high = middle - 1n;
  }
  return low;
}

/** Returns the event of a row. Throws if it is corrupt. */
function eventOf(row: EventRow): RecordedEvent {
  const event = eventOrFault(row);
  if (event.fault) throw event.fault;
  return event;
}

function eventOrFault(row: EventRow): RecordedEvent {
  const { position, stream, version, type } = row;
  const schemaVersion = Number(row.schema_version);
  const correlationId = row.correlation_id;
  const timeMs = Number(row.time_ms);
  const actor = row.actor ?? undefined;
  const event = {
    position,
    stream,
    version,
    type,
    schemaVersion,
    correlationId,
    timeMs,
    ...(actor !== undefined && { actor }),
  };
  const checksum = checksumOf(stream, version, type, schemaVersion, correlationId, timeMs, row.data);
  const ofActor = actor === undefined ? null : BigInt(actorChecksum(checksum, actor));
  if (BigInt(checksum) === row.checksum && ofActor === row.actor_checksum) {
    return { ...event, data: JSON.parse(row.data) as JsonObject };
  }
  return { ...event, data: {}, fault: eventCorrupt({ stream, version, position, problem: 'checksum mismatch' }) };
}

/** Covers the content of an event and its place, so it detects rows that were torn, changed or moved. */
function checksumOf(
  stream: string,
  version: bigint,
  type: string,
  schemaVersion: number,
  correlationId: string,
  timeMs: number,
  text: string,
): number {
  return crc32(`${stream}\n${version}\n${type}\n${schemaVersion}\n${correlationId}\n${timeMs}\n${text}`);
}

function actorChecksum(checksum: number, actor: string): number {
  return crc32(`${checksum}\n${actor}`);
}
