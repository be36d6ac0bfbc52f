import { cutText } from '../errors/error-text.ts';
import { uuidv7 } from '../ids/ids.ts';
import { type CountedGroup, countByName } from '../storage/count-in-slices.ts';
import { skipLocked } from '../storage/skip-locked.ts';
import { storableText } from '../storage/sql.ts';
import type { Queryable, Row, SqlValue, Storage, Transaction } from '../storage/storage.ts';
import {
  type DeadLetter,
  type DeadLetterClosing,
  type DeadLetterCount,
  type DeadLetterFilter,
  type DeadLetterSource,
  type ListedDeadLetter,
  maxErrorBytes,
  maxListedHeaderBytes,
  maxListedPayloadBytes,
} from './dead-letters.ts';

/** What is recorded with a dead letter that leaves the list. */
export interface Closing extends DeadLetterClosing {
  /** By the aging clock, which decides on deletion. */
  readonly agedToMs: number;
}

interface DeadLetterRow extends Row {
  id: string;
  source: DeadLetterSource;
  origin: string;
  reason: string;
  error: string;
  attempts: bigint;
  payload: Uint8Array;
  headers: string;
  subject_id: string;
  first_time_ms: bigint;
  last_time_ms: bigint;
}

interface ClosableRow extends DeadLetterRow {
  state: 'open' | DeadLetterClosing['outcome'];
  note: string;
  closed_time_ms: bigint | null;
  closed_request_id: string | null;
}

interface ListedRow extends DeadLetterRow {
  payload_bytes: bigint;
  header_bytes: bigint;
}

const columns =
  'id, source, origin, reason, error, attempts, payload, headers, subject_id, first_time_ms, last_time_ms';

// The database cuts, so a page of large ones is not in memory. For SQLite, a part of an empty payload is NULL.
const listedColumns = `id, source, origin, reason, SUBSTR(error, 1, ${maxErrorBytes}) AS error, attempts,
  COALESCE(SUBSTR(payload, 1, ${maxListedPayloadBytes}), payload) AS payload, OCTET_LENGTH(payload) AS payload_bytes,
  CASE WHEN OCTET_LENGTH(headers) > ${maxListedHeaderBytes} THEN '{}' ELSE headers END AS headers,
  OCTET_LENGTH(headers) AS header_bytes, subject_id, first_time_ms, last_time_ms`;

/** Adds an open dead letter and returns its id. */
export async function insertDeadLetter(
  db: Queryable,
  deadLetter: Omit<DeadLetter, 'id'>,
  nowMs: number,
): Promise<string> {
  const id = uuidv7(nowMs);
  const { source, origin, reason, attempts, payload, headers, firstTimeMs, lastTimeMs } = deadLetter;
  const error = storableError(deadLetter.error);
  const subjectId = storableText(deadLetter.subjectId);
  const values: SqlValue[] = [id, source, origin, reason, error, attempts, payload, JSON.stringify(headers), subjectId];
  await db.execute(
    `INSERT INTO dead_letter (${columns}, state, note)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'open', '')`,
    [...values, firstTimeMs, lastTimeMs],
  );
  return id;
}

/** Returns the next `limit` open dead letters of a source, in id order. */
export async function selectPage(
  db: Queryable,
  source: DeadLetterSource,
  filter: DeadLetterFilter,
  afterId: string,
  limit: number,
): Promise<ListedDeadLetter[]> {
  const conditions = ["state = 'open'", 'source = $1', 'id > $2'];
  const params: SqlValue[] = [source, afterId, limit];
  if (filter.origin !== undefined) conditions.push(`origin = $${params.push(filter.origin)}`);
  if (filter.reason !== undefined) conditions.push(`reason = $${params.push(filter.reason)}`);
  const rows = await db.query<ListedRow>(
    `SELECT ${listedColumns} FROM dead_letter WHERE ${conditions.join(' AND ')} ORDER BY id LIMIT $3`,
    params,
  );
  return rows.map(toListed);
}

/** Counts the open dead letters of a source by origin. */
export async function countByOrigin(db: Queryable, source: DeadLetterSource): Promise<DeadLetterCount[]> {
  const counts = await countByName((after, size) =>
    db.query<CountedGroup>(
      `WITH slice AS (SELECT id, origin, first_time_ms FROM dead_letter
         WHERE state = 'open' AND source = $1 AND id > $2 ORDER BY id LIMIT $3)
       SELECT origin AS name, count(*) AS count, min(first_time_ms) AS oldest, (SELECT max(id) FROM slice) AS last
       FROM slice GROUP BY origin`,
      [source, after, size],
    ),
  );
  return counts.map(({ name: origin, ...count }) => ({ source, origin, ...count }));
}

/** Returns the dead letter with this id, open or closed. */
export async function selectDeadLetter(
  db: Queryable,
  source: DeadLetterSource,
  id: string,
): Promise<DeadLetter | undefined> {
  const [row] = await db.query<ClosableRow>(
    `SELECT ${columns}, state, note, closed_time_ms, closed_request_id FROM dead_letter WHERE id = $1 AND source = $2`,
    [id, source],
  );
  if (!row || row.state === 'open') return row && toDeadLetter(row);
  const { state: outcome, note, closed_time_ms: timeMs, closed_request_id: requestId } = row;
  const closing = { outcome, note, timeMs: Number(timeMs), requestId: requestId ?? '' };
  return { ...toDeadLetter(row), closing };
}

/** Takes an open dead letter off the list and returns it, or `undefined` if it is not on the list. */
export async function closeDeadLetter(
  tx: Transaction,
  source: DeadLetterSource,
  id: string,
  { outcome, note, timeMs, agedToMs, requestId }: Closing,
): Promise<DeadLetter | undefined> {
  const [row] = await tx.query<DeadLetterRow>(
    `UPDATE dead_letter SET state = $3, note = $4, closed_time_ms = $5, closed_aged_ms = $6, closed_request_id = $7
     WHERE id = $1 AND source = $2 AND state = 'open' RETURNING ${columns}`,
    [id, source, outcome, storableText(note), timeMs, agedToMs, storableText(requestId)],
  );
  return row && toDeadLetter(row);
}

/** Deletes at most `limit` dead letters that were closed before `agedMs`. Resolves with their number. */
export function deleteClosed(db: Storage, agedMs: number, limit: number): Promise<number> {
  return db.execute(
    `DELETE FROM dead_letter WHERE id IN (
       SELECT id FROM dead_letter WHERE closed_aged_ms < $1 ORDER BY closed_aged_ms LIMIT $2 ${skipLocked(db)})`,
    [agedMs, limit],
  );
}

/** Records a failed attempt on a dead letter that is still open. */
export async function recordFailure(db: Queryable, id: string, error: string, timeMs: number): Promise<void> {
  await db.execute(
    `UPDATE dead_letter SET error = $2, attempts = attempts + 1, last_time_ms = $3 WHERE id = $1 AND state = 'open'`,
    [id, storableError(error), timeMs],
  );
}

function storableError(error: string): string {
  return cutText(storableText(error), maxErrorBytes);
}

function toListed(row: ListedRow): ListedDeadLetter {
  const deadLetter = toDeadLetter(row);
  const payloadBytes = Number(row.payload_bytes);
  const areHeadersCut = row.header_bytes > maxListedHeaderBytes;
  if (payloadBytes === deadLetter.payload.length && !areHeadersCut) return deadLetter;
  return { ...deadLetter, cut: { payloadBytes, headers: areHeadersCut } };
}

function toDeadLetter(row: DeadLetterRow): DeadLetter {
  return {
    id: row.id,
    source: row.source,
    origin: row.origin,
    reason: row.reason,
    error: row.error,
    attempts: Number(row.attempts),
    payload: row.payload,
    headers: JSON.parse(row.headers),
    subjectId: row.subject_id,
    firstTimeMs: Number(row.first_time_ms),
    lastTimeMs: Number(row.last_time_ms),
  };
}
