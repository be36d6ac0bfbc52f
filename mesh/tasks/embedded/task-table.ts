import { uuidv7 } from '../../ids/ids.ts';
import type { Queryable, Row, Transaction } from '../../storage/storage.ts';
import type { NewTask } from '../task-queue.ts';
import { isIntact, removeDamaged, taskChecksum } from './damaged-tasks.ts';

/** A task in the hand of a worker. The lease is its fencing token: whoever has an older one changes nothing. */
export interface LeasedTask extends NewTask {
  readonly seq: bigint;
  readonly lease: string;
  /** The number of this try. Those of its tries count that ended without an outcome, as well. */
  readonly attempt: number;
  readonly firstTimeMs: number;
  readonly lastError: string;
}

interface TaskRow extends Row {
  seq: bigint;
  queue: string;
  id: string;
  payload: Uint8Array;
  headers: string;
  attempts: bigint;
  lease: string;
  first_time_ms: bigint;
  last_error: string;
  checksum: bigint;
}

/** Adds a task that may be taken at once, unless the queue holds its id. */
export async function insertTask(tx: Transaction, queue: string, task: NewTask, nowMs: number): Promise<void> {
  const { id, payload } = task;
  const headers = JSON.stringify(task.headers);
  await tx.execute(
    `INSERT INTO task (queue, id, payload, headers, attempts, due_time_ms, last_error, checksum)
     VALUES ($1, $2, $3, $4, 0, $5, '', $6) ON CONFLICT (queue, id) DO NOTHING`,
    [queue, id, payload, headers, nowMs, taskChecksum({ queue, id, headers, payload })],
  );
}

/**
 * Corrects what a clock that was ahead has left: what is due beyond `farthestMs` is due now, or, while somebody has it, when
 * a new lease would end. Returns how many those were.
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
  return await tx.execute(
    `UPDATE task SET due_time_ms = CASE WHEN lease IS NULL THEN $2 ELSE $3 END
     WHERE queue = $1 AND due_time_ms > $4`,
    [queue, nowMs, leaseEndMs, farthestMs],
  );
}

/** Leases up to `limit` tasks that are due; the longest due first. One that is damaged is taken out of the queue instead. */
export async function leaseDue(
  tx: Transaction,
  queue: string,
  { limit, nowMs, leaseEndMs }: { readonly limit: number; readonly nowMs: number; readonly leaseEndMs: number },
): Promise<LeasedTask[]> {
  const rows = await tx.query<TaskRow>(
    `UPDATE task SET attempts = attempts + 1, lease = $4, due_time_ms = $5, first_time_ms = COALESCE(first_time_ms, $2)
     WHERE seq IN (SELECT seq FROM task WHERE queue = $1 AND due_time_ms <= $2 ORDER BY due_time_ms, seq LIMIT $3)
     RETURNING seq, queue, id, payload, headers, attempts, lease, first_time_ms, last_error, checksum`,
    [queue, nowMs, limit, uuidv7(nowMs), leaseEndMs],
  );
  for (const row of rows) if (!isIntact(row)) await removeDamaged(tx, row.seq);
  return rows
    .filter(isIntact)
    .map(toLeasedTask)
    .sort((a, b) => Number(a.seq - b.seq));
}

/** When the next task of a queue may be taken, those in hand included; `undefined` when it is empty. */
export async function nextDueTimeMs(db: Queryable, queue: string): Promise<number | undefined> {
  const [row] = await db.query<{ due: bigint | null }>('SELECT MIN(due_time_ms) AS due FROM task WHERE queue = $1', [
    queue,
  ]);
  return row?.due == null ? undefined : Number(row.due);
}

/** Puts off the end of a lease; false when the lease is another's by now. */
export async function renewLease(db: Queryable, { seq, lease }: LeasedTask, leaseEndMs: number): Promise<boolean> {
  const changed = await db.execute('UPDATE task SET due_time_ms = $3 WHERE seq = $1 AND lease = $2', [
    seq,
    lease,
    leaseEndMs,
  ]);
  return changed === 1;
}

/** Removes a task that is done or dead; false when the lease is another's by now. */
export async function deleteTask(db: Queryable, { seq, lease }: LeasedTask): Promise<boolean> {
  return (await db.execute('DELETE FROM task WHERE seq = $1 AND lease = $2', [seq, lease])) === 1;
}

/** Lets a task be taken again from `dueMs` on, after an attempt that failed; one that does not count leaves no trace. */
export async function postpone(
  db: Queryable,
  { seq, lease }: LeasedTask,
  { dueMs, counts, error }: { readonly dueMs: number; readonly counts: boolean; readonly error: string },
): Promise<void> {
  await db.execute(
    `UPDATE task SET lease = NULL, due_time_ms = $3, last_error = $4, attempts = attempts - $5
     WHERE seq = $1 AND lease = $2`,
    [seq, lease, dueMs, error, counts ? 0 : 1],
  );
}

/** Gives back a task as if it had not been taken. */
export async function giveBack(db: Queryable, { seq, lease }: LeasedTask, nowMs: number): Promise<void> {
  await db.execute(
    'UPDATE task SET lease = NULL, due_time_ms = $3, attempts = attempts - 1 WHERE seq = $1 AND lease = $2',
    [seq, lease, nowMs],
  );
}

/** Ends the leases of an earlier process, which is dead. Its tries count, so that a task which kills its worker ends. */
export async function endAllLeases(db: Queryable, nowMs: number): Promise<void> {
  await db.execute('UPDATE task SET lease = NULL, due_time_ms = $1 WHERE lease IS NOT NULL', [nowMs]);
}

/** How many tasks a queue holds. */
export async function countTasks(db: Queryable, queue: string): Promise<number> {
  const [row] = await db.query<{ tasks: bigint }>('SELECT COUNT(*) AS tasks FROM task WHERE queue = $1', [queue]);
  return Number(row?.tasks ?? 0n);
}

/** How many tasks each queue holds that holds any. */
export async function countByQueue(db: Queryable): Promise<Readonly<Record<string, number>>> {
  const rows = await db.query<{ queue: string; tasks: bigint }>(
    'SELECT queue, COUNT(*) AS tasks FROM task GROUP BY queue',
  );
  return Object.fromEntries(rows.map(({ queue, tasks }) => [queue, Number(tasks)]));
}

function toLeasedTask(row: TaskRow): LeasedTask {
  return {
    seq: row.seq,
    lease: row.lease,
    id: row.id,
    payload: row.payload,
    headers: JSON.parse(row.headers),
    attempt: Number(row.attempts),
    firstTimeMs: Number(row.first_time_ms),
    lastError: row.last_error,
  };
}
