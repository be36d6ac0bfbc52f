import { paddedList, storableText } from '../../../storage/sql.ts';
import type { Queryable, Row, Transaction } from '../../../storage/storage.ts';

/** An event that a generation could not apply, or that follows one in its stream. */
export interface ParkedEvent {
  /** Sorts by time. */
  readonly id: string;
  readonly name: string;
  readonly generation: bigint;
  readonly position: bigint;
  readonly stream: string;
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly firstTimeMs: number;
  readonly lastTimeMs: number;
}

/** The columns that parked and discarded events have. */
export interface ContentRow extends Row {
  readonly id: string;
  readonly name: string;
  readonly position: bigint;
  readonly stream: string;
  readonly reason: string;
  readonly error: string;
  readonly attempts: bigint;
  readonly first_time_ms: bigint;
  readonly last_time_ms: bigint;
}

interface ParkedRow extends ContentRow {
  readonly generation: bigint;
}

const columns = 'id, name, generation, position, stream, reason, error, attempts, first_time_ms, last_time_ms';
const ofLive = `EXISTS (SELECT 1 FROM projection_generation live WHERE live.name = parked_event.name
  AND live.generation = parked_event.generation AND live.state = 'live')`;

/** Parks an event. */
export async function insertParked(tx: Transaction, parked: ParkedEvent): Promise<void> {
  const { id, name, generation, position, stream, reason, attempts, firstTimeMs, lastTimeMs } = parked;
  const values = [id, name, generation, position, stream, reason, storableText(parked.error), attempts];
  await tx.execute(`INSERT INTO parked_event (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, [
    ...values,
    firstTimeMs,
    lastTimeMs,
  ]);
}

/** Which of some events are not applied to a generation. */
export interface Parking {
  /** The streams that have parked events. */
  readonly streams: ReadonlySet<string>;
  /** The positions of discarded events. */
  readonly discarded: ReadonlySet<bigint>;
}

const nothing: Parking = { streams: new Set(), discarded: new Set() };

/** Returns which of these events are not applied to a generation. */
export async function parkingOf(
  db: Queryable,
  name: string,
  generation: bigint,
  events: readonly { readonly stream: string; readonly position: bigint }[],
): Promise<Parking> {
  // Usually there are none.
  const [any] = await db.query(
    `SELECT 1 AS one FROM parked_event WHERE name = $1 AND generation = $2
     UNION ALL SELECT 1 AS one FROM discarded_event WHERE name = $1 LIMIT 1`,
    [name, generation],
  );
  if (any === undefined || events.length === 0) return nothing;
  const { placeholders, params } = paddedList([...new Set(events.map(({ stream }) => stream))]);
  const [nameAt, generationAt] = [`$${params.length + 1}`, `$${params.length + 2}`];
  const parked = await db.query<{ stream: string }>(
    `SELECT DISTINCT stream FROM parked_event
     WHERE stream IN (${placeholders}) AND name = ${nameAt} AND generation = ${generationAt}`,
    [...params, name, generation],
  );
  const discarded = await db.query<{ position: bigint }>(
    'SELECT position FROM discarded_event WHERE name = $1 AND position >= $2 AND position <= $3',
    [name, events[0]?.position ?? 0n, events.at(-1)?.position ?? 0n],
  );
  return {
    streams: new Set(parked.map(({ stream }) => stream)),
    discarded: new Set(discarded.map(({ position }) => position)),
  };
}

/** Whether a generation has parked an event of a stream up to a position. */
export async function isParkedUpTo(
  db: Queryable,
  name: string,
  generation: bigint,
  stream: string,
  position: bigint,
): Promise<boolean> {
  const rows = await db.query(
    `SELECT 1 AS one FROM parked_event
     WHERE name = $1 AND generation = $2 AND stream = $3 AND position <= $4 LIMIT 1`,
    [name, generation, stream, position],
  );
  return rows.length > 0;
}

/** Returns the positions after one, up to another, whose events a generation has parked or skips. */
export async function unappliedPositions(
  db: Queryable,
  name: string,
  generation: bigint,
  after: bigint,
  upTo: bigint,
): Promise<ReadonlySet<bigint>> {
  const rows = await db.query<{ position: bigint }>(
    `SELECT position FROM parked_event WHERE name = $1 AND generation = $2 AND position > $3 AND position <= $4
     UNION ALL SELECT position FROM discarded_event WHERE name = $1 AND position > $3 AND position <= $4`,
    [name, generation, after, upTo],
  );
  return new Set(rows.map(({ position }) => position));
}

/** Counts the events that a generation has parked and the live one has not. */
export async function countMissing(db: Queryable, name: string, generation: bigint): Promise<number> {
  const [row] = await db.query<{ count: bigint }>(
    `SELECT COUNT(*) AS count FROM parked_event WHERE name = $1 AND generation = $2 AND position NOT IN
       (SELECT position FROM parked_event WHERE name = $1 AND ${ofLive})`,
    [name, generation],
  );
  return Number(row?.count ?? 0n);
}

/** Returns a page of the events that the live generation has parked, in id order. */
export async function pageOfParked(db: Queryable, name: string, afterId: string, size: number): Promise<ParkedEvent[]> {
  const rows = await db.query<ParkedRow>(
    `SELECT ${columns} FROM parked_event WHERE name = $1 AND id > $2 AND ${ofLive} ORDER BY id LIMIT $3`,
    [name, afterId, size],
  );
  return rows.map(parkedOf);
}

/** Returns an event that a live generation has parked. */
export async function selectParked(db: Queryable, id: string): Promise<ParkedEvent | undefined> {
  const [row] = await db.query<ParkedRow>(`SELECT ${columns} FROM parked_event WHERE id = $1 AND ${ofLive}`, [id]);
  return row && parkedOf(row);
}

/** Returns the first event of a stream that a generation has parked. */
export async function firstParked(
  db: Queryable,
  name: string,
  generation: bigint,
  stream: string,
): Promise<ParkedEvent | undefined> {
  const [row] = await db.query<ParkedRow>(
    `SELECT ${columns} FROM parked_event WHERE name = $1 AND generation = $2 AND stream = $3 ORDER BY position LIMIT 1`,
    [name, generation, stream],
  );
  return row && parkedOf(row);
}

/** Unparks an event in the live generation and in one in lockstep. Returns the generations that had parked it. */
export async function deleteParked(tx: Transaction, name: string, position: bigint): Promise<bigint[]> {
  const rows = await tx.query<{ generation: bigint }>(
    `DELETE FROM parked_event WHERE name = $1 AND position = $2 AND generation IN
       (SELECT generation FROM projection_generation WHERE name = $1 AND state IN ('live', 'lockstep'))
     RETURNING generation`,
    [name, position],
  );
  return rows.map(({ generation }) => generation);
}

/** Records a failed attempt. */
export async function recordParkedFailure(
  db: Queryable,
  id: string,
  reason: string,
  error: string,
  timeMs: number,
): Promise<void> {
  await db.execute(
    'UPDATE parked_event SET reason = $2, error = $3, attempts = attempts + 1, last_time_ms = $4 WHERE id = $1',
    [id, reason, storableText(error), timeMs],
  );
}

/** Counts the events that the live generation of a projection has parked. The time is 0 if there are none. */
export async function measureParked(
  db: Queryable,
  name: string,
): Promise<{ readonly count: number; readonly oldestTimeMs: number }> {
  const [row] = await db.query<{ count: bigint; oldest: bigint | null }>(
    `SELECT COUNT(*) AS count, MIN(first_time_ms) AS oldest FROM parked_event WHERE name = $1 AND ${ofLive}`,
    [name],
  );
  return { count: Number(row?.count ?? 0n), oldestTimeMs: Number(row?.oldest ?? 0n) };
}

function parkedOf(row: ParkedRow): ParkedEvent {
  return { ...contentOf(row), generation: row.generation };
}

export function contentOf(row: ContentRow): Omit<ParkedEvent, 'generation'> {
  return {
    id: row.id,
    name: row.name,
    position: row.position,
    stream: row.stream,
    reason: row.reason,
    error: row.error,
    attempts: Number(row.attempts),
    firstTimeMs: Number(row.first_time_ms),
    lastTimeMs: Number(row.last_time_ms),
  };
}
