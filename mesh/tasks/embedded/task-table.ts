import { uuidv7 } from '../../ids/ids.ts';
import type { Queryable, Transaction } from '../../storage/storage.ts';
import type { NewTask } from '../task-queue.ts';
import { removeDamaged } from './damaged-tasks.ts';
import {
  isIntact,
  isStateIntact,
  type StateRow,
  stateChecksum,
  stateColumns,
  type TaskRow,
  type TaskState,
  taskColumns,
} from './task-row.ts';

/** A task that a worker has. The lease is a fencing token: a change with an older one has no effect. */
export interface LeasedTask extends NewTask {
  readonly seq: bigint;
  readonly lease: string;
  /** The number of this attempt, including interrupted ones. */
  readonly attempt: number;
  readonly firstTimeMs: number;
  readonly lastError: string;
  /** The checksum of its content, from its row. */
  readonly checksum: bigint;
}

/** Returns the largest number that any task has had. */
export async function largestSeq(db: Queryable): Promise<bigint> {
  const [row] = await db.query<{ seq: bigint | null }>(
    `SELECT MAX(seq) AS seq FROM (
       SELECT seq FROM sqlite_sequence WHERE name = 'queued_task'
       UNION ALL SELECT MAX(seq) FROM queued_task
       UNION ALL SELECT MAX(seq) FROM damaged_task)`,
  );
  return row?.seq ?? 0n;
}

/**
 * Corrects due times of a clock that was ahead: a task that is due after `farthestMs` is due now or, while a worker has
 * it, when a new lease would end. Returns the number of those tasks. A task with a damaged state is taken out of the
 * queue instead.
 */
export async function bringForward(
  tx: Transaction,
  queue: string,
  {
    nowMs,
    leaseEndMs,
    farthestMs,
  }: { readonly nowMs: number; readonly leaseEndMs: number; readonly farthestMs: number },
): Promise<number> {
  const rows = await tx.query<StateRow>(
    `SELECT ${stateColumns} FROM queued_task WHERE queue = $1 AND due_time_ms > $2`,
    [queue, farthestMs],
  );
  const intact = await keepIntact(tx, rows, isStateIntact);
  for (const row of intact) {
    await writeState(tx, row, { ...row, due_time_ms: wholeMs(row.lease === null ? nowMs : leaseEndMs) });
  }
  return intact.length;
}

/** Leases up to `limit` due tasks, the longest due first. A damaged task is taken out of the queue instead. */
export async function leaseDue(
  tx: Transaction,
  queue: string,
  { limit, nowMs, leaseEndMs }: { readonly limit: number; readonly nowMs: number; readonly leaseEndMs: number },
): Promise<LeasedTask[]> {
  const rows = await tx.query<TaskRow>(
    `SELECT ${taskColumns} FROM queued_task WHERE queue = $1 AND due_time_ms <= $2 ORDER BY due_time_ms, seq LIMIT $3`,
    [queue, nowMs, limit],
  );
  const lease = uuidv7(nowMs);
  const leased: LeasedTask[] = [];
  for (const row of await keepIntact(tx, rows, isIntact)) {
    const state = {
      attempts: row.attempts + 1n,
      due_time_ms: wholeMs(leaseEndMs),
      lease,
      first_time_ms: row.first_time_ms ?? wholeMs(nowMs),
      last_error: row.last_error,
    };
    await writeState(tx, row, state);
    leased.push(toLeasedTask(row, state));
  }
  return leased.sort((a, b) => Number(a.seq - b.seq));
}

/** Returns when the next task of a queue is due, including tasks in progress; `undefined` if the queue is empty. */
export async function nextDueTimeMs(db: Queryable, queue: string): Promise<number | undefined> {
  const [row] = await db.query<{ due: bigint | null }>(
    'SELECT MIN(due_time_ms) AS due FROM queued_task WHERE queue = $1',
    [queue],
  );
  return row?.due == null ? undefined : Number(row.due);
}

/** Extends a lease. Returns false if the lease was lost. */
export async function renewLease(db: Queryable, task: LeasedTask, leaseEndMs: number): Promise<boolean> {
  return await writeState(db, task, { ...stateOf(task), due_time_ms: wholeMs(leaseEndMs) });
}

/** Removes a task that is done or dead. Returns false if the lease was lost. */
export async function deleteTask(db: Queryable, { seq, lease }: LeasedTask): Promise<boolean> {
  return (await db.execute('DELETE FROM queued_task WHERE seq = $1 AND lease = $2', [seq, lease])) === 1;
}

/** Makes a task available again from `dueMs` on, after a failed attempt. An attempt that does not count leaves no trace. */
export async function postpone(
  db: Queryable,
  task: LeasedTask,
  { dueMs, counts, error }: { readonly dueMs: number; readonly counts: boolean; readonly error: string },
): Promise<void> {
  const attempts = BigInt(counts ? task.attempt : task.attempt - 1);
  const state = { ...stateOf(task), attempts, due_time_ms: wholeMs(dueMs), lease: null, last_error: error };
  await writeState(db, task, state);
}

/** Returns a task as if it had not been taken. */
export async function returnToQueue(db: Queryable, task: LeasedTask, nowMs: number): Promise<void> {
  const attempts = BigInt(task.attempt - 1);
  await writeState(db, task, { ...stateOf(task), attempts, due_time_ms: wholeMs(nowMs), lease: null });
}

/** Ends the leases of an earlier process. Its attempts count, so a task that kills its worker becomes a dead letter. */
export async function endAllLeases(tx: Transaction, nowMs: number): Promise<void> {
  const rows = await tx.query<StateRow>(`SELECT ${stateColumns} FROM queued_task WHERE lease IS NOT NULL`);
  for (const row of await keepIntact(tx, rows, isStateIntact)) {
    await writeState(tx, row, { ...row, due_time_ms: wholeMs(nowMs), lease: null });
  }
}

async function keepIntact<R extends StateRow>(
  tx: Transaction,
  rows: readonly R[],
  isWhole: (row: R) => boolean,
): Promise<R[]> {
  const intact: R[] = [];
  for (const row of rows) {
    if (isWhole(row)) intact.push(row);
    else await removeDamaged(tx, row.seq);
  }
  return intact;
}

/** Writes the new state of a task. Returns false if the task is gone or the lease was lost. */
async function writeState(
  db: Queryable,
  { seq, checksum, lease: current }: Pick<StateRow, 'seq' | 'checksum' | 'lease'>,
  state: TaskState,
): Promise<boolean> {
  const { attempts, due_time_ms, lease, first_time_ms, last_error } = state;
  const sum = stateChecksum(seq, checksum, state);
  const changed = await db.execute(
    `UPDATE queued_task SET attempts = $3, due_time_ms = $4, lease = $5, first_time_ms = $6, last_error = $7,
       state_checksum = $8
     WHERE seq = $1 AND lease IS $2`,
    [seq, current, attempts, due_time_ms, lease, first_time_ms, last_error, sum],
  );
  return changed === 1;
}

/** Its state without the end of the lease, which is not kept. */
function stateOf({ attempt, lease, firstTimeMs, lastError }: LeasedTask): Omit<TaskState, 'due_time_ms'> {
  return { attempts: BigInt(attempt), lease, first_time_ms: BigInt(firstTimeMs), last_error: lastError };
}

/** A task as its worker has it, from its row with this state. */
export function toLeasedTask(
  row: TaskRow,
  { attempts, lease, first_time_ms }: TaskState & { readonly lease: string },
): LeasedTask {
  return {
    seq: row.seq,
    lease,
    id: row.id,
    payload: row.payload,
    headers: JSON.parse(row.headers),
    attempt: Number(attempts),
    firstTimeMs: Number(first_time_ms),
    lastError: row.last_error,
    checksum: row.checksum,
  };
}

/** A checksum covers the stored value, which is an integer. */
export function wholeMs(timeMs: number): bigint {
  return BigInt(Math.ceil(timeMs));
}
