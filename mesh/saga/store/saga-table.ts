import type { Queryable, Row, Transaction } from '../../storage/storage.ts';
import { recordFromJson, type SagaRecord, type SagaState } from '../decide/record.ts';
import { fromJson, toJson } from './json.ts';

/** A saga as it is stored. */
export interface StoredSaga {
  readonly id: string;
  readonly name: string;
  readonly definitionVersion: number;
  readonly subjectId: string;
  readonly record: SagaRecord;
  /** Frozen, since only what replaces it is written. */
  readonly data: unknown;
  readonly notes: readonly string[];
  /** Of the call that began it. */
  readonly requestId: string;
  readonly traceparent: string;
  /**
   * The user who began it, on whose behalf its steps are made; `undefined` if none is known. Never a token, and no
   * roles, which the user may lose while it runs.
   */
  readonly onBehalfOf: string | undefined;
  /** Grows with every change of the record. */
  readonly revision: bigint;
  /** Grows with every change of the record that the driver makes. */
  readonly driverRevision: bigint;
  /** Grows with every change of the driver: one with an older token cannot write. */
  readonly fencingToken: bigint;
  readonly leaseOwner: string | null;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** Who continues a saga, and when: its driver until the lease ends, or any free process once it is due. */
export interface Schedule {
  readonly leaseOwner: string | null;
  readonly dueTimeMs: number | undefined;
}

/** The time of the database's aging clock if the saga has finished, which is when it begins to age. */
function finishedAgedMs({ record }: StoredSaga, agedMs: number): number | null {
  return record.state === 'completed' || record.state === 'compensated' ? agedMs : null;
}

export function insertSaga(tx: Transaction, saga: StoredSaga, schedule: Schedule): void {
  tx.defer(
    `INSERT INTO saga (id, name, definition_version, subject_id, state, record, data, notes, request_id, traceparent,
       version, turn, epoch, lease_owner, due_time, create_time, update_time, caller_subject)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
    [
      saga.id,
      saga.name,
      saga.definitionVersion,
      saga.subjectId,
      saga.record.state,
      JSON.stringify(saga.record),
      toJson(saga.data),
      JSON.stringify(saga.notes),
      saga.requestId,
      saga.traceparent,
      saga.revision,
      saga.driverRevision,
      saga.fencingToken,
      schedule.leaseOwner,
      schedule.dueTimeMs ?? null,
      saga.createTimeMs,
      saga.updateTimeMs,
      saga.onBehalfOf ?? null,
    ],
  );
}

export async function selectSaga(from: Queryable, id: string): Promise<StoredSaga | undefined> {
  const [row] = await from.query<SagaRow>('SELECT * FROM saga WHERE id = $1', [id]);
  return row && sagaFromRow(row);
}

/** Returns the newest saga about `subjectId`. */
export async function selectSagaOfSubject(from: Queryable, subjectId: string): Promise<StoredSaga | undefined> {
  const [row] = await from.query<SagaRow>(
    `SELECT * FROM saga WHERE (id = $1 AND subject_id = $1) OR (subject_id = $1 AND subject_id <> id)
     ORDER BY create_time DESC, id DESC LIMIT 1`,
    [subjectId],
  );
  return row && sagaFromRow(row);
}

/** Returns the first sagas after `afterId`, in one of `states` (at least one); undefined: in any. */
export async function selectPage(
  from: Queryable,
  states: readonly SagaState[] | undefined,
  afterId: string,
  limit: number,
): Promise<StoredSaga[]> {
  if (states === undefined) {
    const all = await from.query<SagaRow>('SELECT * FROM saga WHERE id > $1 ORDER BY id LIMIT $2', [afterId, limit]);
    return all.map(sagaFromRow);
  }
  // One list for each state, because a list of several would be sorted as a whole for each page.
  const lists = await Promise.all(
    states.map((state) =>
      from.query<SagaRow>(`SELECT * FROM saga WHERE ${isInState(state)} AND id > $2 ORDER BY id LIMIT $3`, [
        state,
        afterId,
        limit,
      ]),
    ),
  );
  const rows = lists.flat().toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return rows.slice(0, limit).map(sagaFromRow);
}

/**
 * Returns an SQL condition for sagas in the state `$1`. Completed ones are not in the index of states: nearly all are, so a
 * list of them reads the others as well.
 */
function isInState(state: SagaState): string {
  return state === 'completed' ? 'state = $1' : "state = $1 AND state <> 'completed'";
}

/**
 * Writes `next` for the driver that read `saga`, at a time of the aging clock. Returns false, without a change, if another
 * one wrote or drives it.
 */
export async function updateByDriver(
  tx: Queryable,
  saga: StoredSaga,
  next: StoredSaga,
  schedule: Schedule,
  agedMs: number,
): Promise<boolean> {
  const { record, data, updateTimeMs, revision, driverRevision } = next;
  const progress = [JSON.stringify(record), updateTimeMs, revision, driverRevision];
  const read = [saga.id, saga.revision, saga.fencingToken];
  // The next step begins, with the lease that is held: it is renewed apart from this, and no index changes.
  if (schedule.leaseOwner !== null && record.state === saga.record.state) {
    const params = [...progress, ...read];
    if (data === saga.data) return (await tx.execute(`UPDATE saga SET ${progressSet} WHERE ${asRead}`, params)) === 1;
    const sql = `UPDATE saga SET ${progressSet}, data = $8 WHERE ${asRead}`;
    return (await tx.execute(sql, [...params, toJson(data)])) === 1;
  }
  const changed = await tx.execute(
    `UPDATE saga SET ${progressSet}, data = $8, state = $9, lease_owner = $10, due_time = $11, finished_aged_ms = $12
     WHERE ${asRead}`,
    [
      ...progress,
      ...read,
      toJson(data),
      record.state,
      schedule.leaseOwner,
      schedule.dueTimeMs ?? null,
      finishedAgedMs(next, agedMs),
    ],
  );
  return changed === 1;
}

const progressSet = 'record = $1, update_time = $2, version = $3, turn = $4';
const asRead = 'id = $5 AND version = $6 AND epoch = $7';

/**
 * Writes `next` for anyone else who read `saga`, at a time of the aging clock; it is then due at `dueTimeMs`, unless it has a
 * driver. Returns false, without a change, if it was written in between.
 */
export async function updateExternally(
  tx: Queryable,
  saga: StoredSaga,
  next: StoredSaga,
  dueTimeMs: number,
  agedMs: number,
): Promise<boolean> {
  const changed = await tx.execute(
    `UPDATE saga SET state = $1, record = $2, notes = $3, update_time = $4, version = $5,
       due_time = CASE WHEN lease_owner IS NULL THEN $6 ELSE due_time END,
       finished_aged_ms = $7
     WHERE id = $8 AND version = $9`,
    [
      next.record.state,
      JSON.stringify(next.record),
      JSON.stringify(next.notes),
      next.updateTimeMs,
      next.revision,
      dueTimeMs,
      finishedAgedMs(next, agedMs),
      saga.id,
      saga.revision,
    ],
  );
  return changed === 1;
}

export interface SagaRow extends Row {
  readonly id: string;
  readonly name: string;
  readonly definition_version: bigint;
  readonly subject_id: string;
  readonly record: string;
  readonly data: string;
  readonly notes: string;
  readonly request_id: string;
  readonly traceparent: string;
  readonly version: bigint;
  readonly turn: bigint;
  readonly epoch: bigint;
  readonly lease_owner: string | null;
  readonly create_time: bigint;
  readonly update_time: bigint;
  readonly caller_subject: string | null;
}

export function sagaFromRow(row: SagaRow): StoredSaga {
  return {
    id: row.id,
    name: row.name,
    definitionVersion: Number(row.definition_version),
    subjectId: row.subject_id,
    record: recordFromJson(row.record),
    data: fromJson(row.data),
    notes: JSON.parse(row.notes) as string[],
    requestId: row.request_id,
    traceparent: row.traceparent,
    onBehalfOf: row.caller_subject ?? undefined,
    revision: row.version,
    driverRevision: row.turn,
    fencingToken: row.epoch,
    leaseOwner: row.lease_owner,
    createTimeMs: Number(row.create_time),
    updateTimeMs: Number(row.update_time),
  };
}
