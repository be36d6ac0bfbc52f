import { uuidv7 } from '../../ids/ids.ts';
import type { Transaction } from '../../storage/storage.ts';
import type { NewTask } from '../task-queue.ts';
import { contentChecksum, stateChecksum, type TaskContent, type TaskRow, type TaskState } from './task-row.ts';
import { type LeasedTask, toLeasedTask, wholeMs } from './task-table.ts';

/** Adds a task that is due immediately, unless the queue holds its id. No other task has had its number. */
export async function insertTask(
  tx: Transaction,
  seq: bigint,
  queue: string,
  task: NewTask,
  nowMs: number,
): Promise<void> {
  const state = { attempts: 0n, due_time_ms: wholeMs(nowMs), lease: null, first_time_ms: null, last_error: '' };
  await insertRow(tx, seq, contentOf(queue, task), state);
}

/** Adds a task that a worker has already. Returns `undefined` if the queue holds its id. */
export async function insertLeased(
  tx: Transaction,
  seq: bigint,
  queue: string,
  task: NewTask,
  { nowMs, leaseEndMs }: { readonly nowMs: number; readonly leaseEndMs: number },
): Promise<LeasedTask | undefined> {
  const state = {
    attempts: 1n,
    due_time_ms: wholeMs(leaseEndMs),
    lease: uuidv7(nowMs),
    first_time_ms: wholeMs(nowMs),
    last_error: '',
  };
  const content = contentOf(queue, task);
  const row = await insertRow(tx, seq, content, state);
  // As if it were read back: the sender may change its own.
  return row && toLeasedTask({ ...row, payload: new Uint8Array(content.payload) }, state);
}

function contentOf(queue: string, { id, payload, headers }: NewTask): TaskContent {
  return { queue, id, payload, headers: JSON.stringify(headers) };
}

async function insertRow(
  tx: Transaction,
  seq: bigint,
  content: TaskContent,
  state: TaskState,
): Promise<TaskRow | undefined> {
  const checksum = contentChecksum(content);
  const row = { seq, ...content, ...state, checksum, state_checksum: stateChecksum(seq, checksum, state) };
  const inserted = await tx.execute(
    `INSERT INTO queued_task (seq, queue, id, payload, headers, attempts, due_time_ms, lease, first_time_ms, last_error,
       checksum, state_checksum)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (queue, id) DO NOTHING`,
    [
      seq,
      row.queue,
      row.id,
      row.payload,
      row.headers,
      row.attempts,
      row.due_time_ms,
      row.lease,
      row.first_time_ms,
      row.last_error,
      checksum,
      row.state_checksum,
    ],
  );
  return inserted === 1 ? row : undefined;
}
