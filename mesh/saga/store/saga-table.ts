import { paddedList } from '../../storage/sql.ts';
import type { Queryable, Storage } from '../../storage/storage.ts';
import { recordFromJson } from '../decide/record.ts';
import type { SagaState } from '../saga.ts';
import { toJson } from './json.ts';
import { type SagaRow, type StoredSaga, sagaFromRow } from './stored-saga.ts';

/** Who is to go on with a saga, and when: a driver until its lease ends, or whoever is free once it is due. */
export interface Schedule {
  readonly leaseOwner: string | null;
  readonly dueTimeMs: number | undefined;
}

export async function insertSaga(tx: Queryable, saga: StoredSaga, schedule: Schedule): Promise<void> {
  await tx.execute(
    `INSERT INTO saga (id, name, definition_version, subject_id, state, record, data, notes, request_id, traceparent,
       version, turn, epoch, lease_owner, due_time, create_time, update_time)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
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
      saga.version,
      saga.turn,
      saga.epoch,
      schedule.leaseOwner,
      schedule.dueTimeMs ?? null,
      saga.createTimeMs,
      saga.updateTimeMs,
    ],
  );
}

export async function selectSaga(from: Queryable, id: string): Promise<StoredSaga | undefined> {
  const [row] = await from.query<SagaRow>('SELECT * FROM saga WHERE id = $1', [id]);
  return row && sagaFromRow(row);
}

/** The youngest saga about `subjectId`. */
export async function selectSagaOfSubject(from: Queryable, subjectId: string): Promise<StoredSaga | undefined> {
  const [row] = await from.query<SagaRow>(
    'SELECT * FROM saga WHERE subject_id = $1 ORDER BY create_time DESC, id DESC LIMIT 1',
    [subjectId],
  );
  return row && sagaFromRow(row);
}

/** The first sagas after `afterId`, in one of `states`, of which there is at least one; `undefined`: in any. */
export async function selectPage(
  from: Queryable,
  states: readonly SagaState[] | undefined,
  afterId: string,
  limit: number,
): Promise<StoredSaga[]> {
  const among = states?.map((_, index) => `$${index + 3}`).join(', ');
  const rows = await from.query<SagaRow>(
    `SELECT * FROM saga WHERE id > $1 ${among === undefined ? '' : `AND state IN (${among})`} ORDER BY id LIMIT $2`,
    [afterId, limit, ...(states ?? [])],
  );
  return rows.map(sagaFromRow);
}

/** An unfinished saga, as far as its steps are compared with its definition's. */
export interface UnfinishedSteps {
  readonly id: string;
  readonly name: string;
  readonly definitionVersion: number;
  readonly steps: readonly { readonly name: string }[];
}

/** The first sagas in `state` after `afterId`. */
export async function selectUnfinishedSteps(
  from: Queryable,
  state: SagaState,
  afterId: string,
  limit: number,
): Promise<UnfinishedSteps[]> {
  const rows = await from.query<Pick<SagaRow, 'id' | 'name' | 'definition_version' | 'record'>>(
    'SELECT id, name, definition_version, record FROM saga WHERE state = $1 AND id > $2 ORDER BY id LIMIT $3',
    [state, afterId, limit],
  );
  return rows.map(({ id, name, definition_version, record }) => ({
    id,
    name,
    definitionVersion: Number(definition_version),
    steps: recordFromJson(record).steps,
  }));
}

/**
 * Writes what the driver decided, as it is to be after `saga.version` and `saga.turn`. False, and nothing is written,
 * when the record was changed meanwhile or the saga has another driver.
 */
export async function updateByDriver(
  tx: Queryable,
  saga: StoredSaga,
  next: StoredSaga,
  schedule: Schedule,
): Promise<boolean> {
  const changed = await tx.execute(
    `UPDATE saga SET state = $1, record = $2, data = $3, lease_owner = $4, due_time = $5, update_time = $6, version = $7, turn = $8
     WHERE id = $9 AND version = $10 AND epoch = $11`,
    [
      next.record.state,
      JSON.stringify(next.record),
      toJson(next.data),
      schedule.leaseOwner,
      schedule.dueTimeMs ?? null,
      next.updateTimeMs,
      next.version,
      next.turn,
      saga.id,
      saga.version,
      saga.epoch,
    ],
  );
  return changed === 1;
}

/**
 * Writes what somebody else than the driver decided; a saga that nobody drives is then due at `dueTimeMs`. False, and
 * nothing is written, when the record was changed meanwhile.
 */
export async function updateFromOutside(
  tx: Queryable,
  saga: StoredSaga,
  next: StoredSaga,
  dueTimeMs: number,
): Promise<boolean> {
  const changed = await tx.execute(
    `UPDATE saga SET state = $1, record = $2, notes = $3, update_time = $4, version = $5,
       due_time = CASE WHEN lease_owner IS NULL THEN $6 ELSE due_time END
     WHERE id = $7 AND version = $8`,
    [
      next.record.state,
      JSON.stringify(next.record),
      JSON.stringify(next.notes),
      next.updateTimeMs,
      next.version,
      dueTimeMs,
      saga.id,
      saga.version,
    ],
  );
  return changed === 1;
}

/** Which kinds of saga a process can drive. */
export interface DefinitionName {
  readonly name: string;
  readonly version: number;
}

/** Takes up to `limit` sagas that are due, the oldest first; not those of a driver that another process may be. */
export async function claimDue(
  storage: Storage,
  definitions: readonly DefinitionName[],
  claim: { readonly owner: string; readonly nowMs: number; readonly leaseEndMs: number; readonly limit: number },
): Promise<StoredSaga[]> {
  const isSqlite = storage.dialect === 'sqlite';
  // Without statistics that are up to date, a database reads and sorts all that are due for each claim.
  const inLine = isSqlite ? 'INDEXED BY saga_line' : '';
  const lockRows = isSqlite ? '' : 'FOR UPDATE SKIP LOCKED';
  const rows = await storage.transaction(async (tx) => {
    if (!isSqlite) await tx.execute('SET LOCAL enable_sort = off');
    return tx.query<SagaRow>(
      `UPDATE saga SET lease_owner = $1, due_time = $2, epoch = epoch + 1
       WHERE due_time <= $3 AND id IN (
         SELECT id FROM saga ${inLine} WHERE due_time <= $3 ${claimable(storage)} AND ${isDefined(definitions, 4)}
         ORDER BY create_time LIMIT $4 ${lockRows})
       RETURNING *`,
      [claim.owner, claim.leaseEndMs, claim.nowMs, claim.limit, ...definitionParams(definitions)],
    );
  });
  return rows.map(sagaFromRow);
}

/**
 * Makes due at `nowMs` what is due after `farthestWaitMs`, and the leases of others that end after `farthestLeaseMs`.
 * Resolves with how many there were.
 */
export function takeStrays(
  storage: Storage,
  limits: {
    readonly owner: string;
    readonly nowMs: number;
    readonly farthestWaitMs: number;
    readonly farthestLeaseMs: number;
  },
): Promise<number> {
  const { owner, nowMs, farthestWaitMs, farthestLeaseMs } = limits;
  return storage.transaction((tx) =>
    tx.execute(
      `UPDATE saga SET lease_owner = NULL, due_time = $1, epoch = epoch + 1
       WHERE due_time > $2
         AND ((lease_owner IS NULL AND due_time > $3) OR (lease_owner <> $4 AND due_time > $5))`,
      [nowMs, Math.min(farthestWaitMs, farthestLeaseMs), farthestWaitMs, owner, farthestLeaseMs],
    ),
  );
}

/** When the next saga that waits is due; `undefined` when none waits. */
export async function nextDueTime(
  storage: Storage,
  definitions: readonly DefinitionName[],
): Promise<number | undefined> {
  const [row] = await storage.query<{ due_time: bigint }>(
    `SELECT due_time FROM saga WHERE due_time IS NOT NULL AND lease_owner IS NULL AND ${isDefined(definitions, 0)}
     ORDER BY due_time LIMIT 1`,
    definitionParams(definitions),
  );
  return row && Number(row.due_time);
}

/** Keeps the leases of `ids` until `leaseEndMs`, as far as `owner` has them. */
export async function renewLeases(
  storage: Storage,
  owner: string,
  ids: readonly string[],
  leaseEndMs: number,
): Promise<void> {
  const { placeholders, params } = paddedList(ids);
  const next = params.length + 1;
  await storage.transaction((tx) =>
    tx.execute(`UPDATE saga SET due_time = $${next} WHERE lease_owner = $${next + 1} AND id IN (${placeholders})`, [
      ...params,
      leaseEndMs,
      owner,
    ]),
  );
}

const releasePageSize = 500;

/** Ends leases, of `owner` or of everyone else, so that what they were for is due at `nowMs`. */
export async function releaseLeases(
  storage: Storage,
  whose: 'own' | 'others',
  owner: string,
  nowMs: number,
): Promise<void> {
  const comparison = whose === 'own' ? '=' : '<>';
  let released: number;
  do {
    released = await storage.transaction((tx) =>
      tx.execute(
        `UPDATE saga SET lease_owner = NULL, due_time = $1, epoch = epoch + 1 WHERE id IN (
           SELECT id FROM saga WHERE due_time IS NOT NULL AND lease_owner ${comparison} $2 LIMIT $3)`,
        [nowMs, owner, releasePageSize],
      ),
    );
  } while (released === releasePageSize);
}

/** How many sagas are on their way, and how many wait for an operator. */
export async function countUnfinished(db: Queryable): Promise<{ readonly going: number; readonly parked: number }> {
  const [row] = await db.query<{ going: bigint; parked: bigint }>(
    `SELECT (SELECT count(*) FROM saga WHERE state IN ('running', 'compensating')) AS going,
            (SELECT count(*) FROM saga WHERE state = 'needs-attention') AS parked`,
  );
  return { going: Number(row?.going), parked: Number(row?.parked) };
}

/** How many sagas are on their way, of whatever kind: only so an index has all that is counted. */
export async function countGoing(db: Queryable): Promise<number> {
  const [row] = await db.query<{ going: bigint }>(
    "SELECT count(*) AS going FROM saga WHERE state IN ('running', 'compensating')",
  );
  return Number(row?.going);
}

/** How long the saga of these kinds that has been due longest waits for somebody to drive it; 0 when none does. */
export async function longestWaitMs(
  db: Queryable,
  definitions: readonly DefinitionName[],
  nowMs: number,
): Promise<number> {
  const [row] = await db.query<{ due_time: bigint }>(
    `SELECT due_time FROM saga WHERE due_time <= $1 AND lease_owner IS NULL AND ${isDefined(definitions, 1)}
     ORDER BY due_time LIMIT 1`,
    [nowMs, ...definitionParams(definitions)],
  );
  return row ? nowMs - Number(row.due_time) : 0;
}

/** How many processes drive sagas of this database at the moment. */
export async function countDrivers(db: Queryable, nowMs: number): Promise<number> {
  const [row] = await db.query<{ drivers: bigint }>(
    'SELECT count(DISTINCT lease_owner) AS drivers FROM saga WHERE due_time > $1 AND lease_owner IS NOT NULL',
    [nowMs],
  );
  return Number(row?.drivers);
}

/** Kinds of unfinished sagas that are none of `definitions`. */
export async function selectUndefined(
  storage: Storage,
  definitions: readonly DefinitionName[],
): Promise<DefinitionName[]> {
  const rows = await storage.query<{ name: string; definition_version: bigint }>(
    `SELECT DISTINCT name, definition_version FROM saga
     WHERE due_time IS NOT NULL AND NOT (${isDefined(definitions, 0)})`,
    definitionParams(definitions),
  );
  return rows.map((row) => ({ name: row.name, version: Number(row.definition_version) }));
}

// On an exclusive storage every lease was given by this process, which knows itself what it drives.
function claimable(storage: Storage): string {
  return storage.exclusive ? 'AND lease_owner IS NULL' : '';
}

function isDefined(definitions: readonly DefinitionName[], paramsBefore: number): string {
  const pairs = definitions.map((_, index) => {
    const first = paramsBefore + 2 * index + 1;
    return `(name = $${first} AND definition_version = $${first + 1})`;
  });
  return pairs.length === 0 ? 'FALSE' : `(${pairs.join(' OR ')})`;
}

function definitionParams(definitions: readonly DefinitionName[]): (string | number)[] {
  return definitions.flatMap(({ name, version }) => [name, version]);
}
