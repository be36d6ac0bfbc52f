import { crc32 } from 'node:zlib';
import type { Queryable, Row, Storage, Transaction } from '../../storage/storage.ts';
import { maxInt64 } from '../../values/int64.ts';
import type { JsonObject } from '../../values/json.ts';
import { eventCorrupt, eventMissing } from '../errors.ts';
import type { RecordedEvent, StreamEvent, StreamRange } from '../event-store.ts';

/** An event as it goes into its row. */
export interface EncodedEvent extends Omit<StreamEvent, 'data'> {
  /** The data as JSON text. */
  readonly text: string;
}

interface EventRow extends Row {
  readonly position: bigint;
  readonly stream: string;
  readonly version: bigint;
  readonly type: string;
  readonly schema_version: bigint;
  readonly data: string;
  readonly correlation_id: string;
  readonly time_ms: bigint;
  readonly checksum: bigint;
}

const columns = 'position, stream, version, type, schema_version, data, correlation_id, time_ms, checksum';

// A position must belong to a transaction that PostgreSQL has in its snapshots (see horizon.ts), so its id is asked for
// before the position is given out.
const begun = { sqlite: '', postgres: 'pg_current_xact_id() IS NOT NULL AND ' };

/** Adds an event as the next of its stream and returns its position; `undefined` when another came first. */
export async function insertEvent(
  tx: Transaction,
  dialect: Storage['dialect'],
  stream: string,
  version: bigint,
  event: EncodedEvent,
): Promise<bigint | undefined> {
  const { type, schemaVersion, text, correlationId, timeMs } = event;
  const checksum = checksumOf(stream, version, type, schemaVersion, correlationId, timeMs, text);
  const [row] = await tx.query<{ position: bigint }>(
    `INSERT INTO event (stream, version, type, schema_version, data, correlation_id, time_ms, checksum)
     SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS TEXT), CAST($6 AS TEXT),
       CAST($7 AS BIGINT), CAST($8 AS BIGINT)
     WHERE ${begun[dialect]}COALESCE((SELECT MAX(version) FROM event WHERE stream = $1), 0) = $9
     ON CONFLICT DO NOTHING RETURNING position`,
    [stream, version, type, schemaVersion, text, correlationId, timeMs, checksum, version - 1n],
  );
  return row?.position;
}

/** The version that a stream is at; 0 when it has no events. */
export async function currentVersion(db: Queryable, stream: string): Promise<bigint> {
  const [row] = await db.query<{ version: bigint }>(
    'SELECT COALESCE(MAX(version), 0) AS version FROM event WHERE stream = $1',
    [stream],
  );
  return row?.version ?? 0n;
}

/** A page of a stream; refused with DATA_LOSS `EVENT_MISSING` where it has a gap. */
export async function selectStream(
  db: Queryable,
  stream: string,
  { after = 0n, upTo = maxInt64, limit }: StreamRange & { readonly limit: number },
): Promise<RecordedEvent[]> {
  const rows = await db.query<EventRow>(
    `SELECT ${columns} FROM event WHERE stream = $1 AND version > $2 AND version <= $3 ORDER BY version LIMIT $4`,
    [stream, after, upTo, limit],
  );
  return rows.map((row, index) => {
    // First whether it is as it was written: one that was moved is not the fault of those that seem to be missing.
    const event = eventOf(row);
    const expected = after + BigInt(index + 1);
    if (event.version !== expected) throw eventMissing({ stream, version: expected });
    return event;
  });
}

/** A page of all streams; events that are not as they were written have a fault. */
export async function selectAll(db: Queryable, after: bigint, upTo: bigint, limit: number): Promise<RecordedEvent[]> {
  const rows = await db.query<EventRow>(
    `SELECT ${columns} FROM event WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3`,
    [after, upTo, limit],
  );
  return rows.map(eventOrFault);
}

/** The event at a position, with its fault where it has one. */
export async function selectAt(db: Queryable, position: bigint): Promise<RecordedEvent | undefined> {
  const [row] = await db.query<EventRow>(`SELECT ${columns} FROM event WHERE position = $1`, [position]);
  return row && eventOrFault(row);
}

/** The position of the last event there is; 0 when there is none. */
export async function lastPosition(db: Queryable): Promise<bigint> {
  const [row] = await db.query<{ last: bigint }>('SELECT COALESCE(MAX(position), 0) AS last FROM event');
  return row?.last ?? 0n;
}

/** The data of the event at a position as its row has it, also when it is not as it was written. */
export async function rawDataAt(db: Queryable, position: bigint): Promise<string> {
  const [row] = await db.query<{ data: string }>('SELECT data FROM event WHERE position = $1', [position]);
  return row?.data ?? '';
}

/** The time of the first event after a position, in milliseconds since the epoch. */
export async function timeAfter(db: Queryable, position: bigint): Promise<number | undefined> {
  const [row] = await db.query<{ time_ms: bigint }>(
    'SELECT time_ms FROM event WHERE position > $1 ORDER BY position LIMIT 1',
    [position],
  );
  return row && Number(row.time_ms);
}

/** Where an event of a stream lies among all. */
export async function positionOf(db: Queryable, stream: string, version: bigint): Promise<bigint | undefined> {
  const [row] = await db.query<{ position: bigint }>('SELECT position FROM event WHERE stream = $1 AND version = $2', [
    stream,
    version,
  ]);
  return row?.position;
}

/**
 * The version that a stream had at a time, in milliseconds since the epoch; 0 before its first event. Times in a stream
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

/** The event of a row, which is refused when it is not as it was written. */
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
  const event = { position, stream, version, type, schemaVersion, correlationId, timeMs };
  const checksum = checksumOf(stream, version, type, schemaVersion, correlationId, timeMs, row.data);
  if (BigInt(checksum) === row.checksum) return { ...event, data: JSON.parse(row.data) as JsonObject };
  return { ...event, data: {}, fault: eventCorrupt({ stream, version, position, problem: 'checksum mismatch' }) };
}

/** Over all that an event says and where it stands: a row that was torn, changed or moved is known by it. */
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
