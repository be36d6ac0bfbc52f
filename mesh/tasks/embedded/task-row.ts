import { checksumOf } from '../../storage/checksum.ts';
import type { SqlValue } from '../../storage/storage.ts';

/** The part of a task that attempts change. */
export type TaskState = {
  readonly attempts: bigint;
  readonly due_time_ms: bigint;
  readonly lease: string | null;
  readonly first_time_ms: bigint | null;
  readonly last_error: string;
};

/** The content of a task. */
export type TaskContent = {
  readonly queue: string;
  readonly id: string;
  readonly payload: Uint8Array;
  readonly headers: string;
};

/** The state of a task in its row, with what is needed to verify it. If it is damaged, it may contain anything. */
export type StateRow = TaskState & {
  readonly seq: bigint;
  readonly checksum: bigint;
  readonly state_checksum: SqlValue;
};

export type TaskRow = StateRow & TaskContent;

/** The columns of a `StateRow`. */
export const stateColumns = 'seq, attempts, due_time_ms, lease, first_time_ms, last_error, checksum, state_checksum';

/** The columns of a `TaskRow`. */
export const taskColumns = `queue, id, payload, headers, ${stateColumns}`;

/** Returns the checksum of the content of a task. */
export function contentChecksum({ queue, id, headers, payload }: TaskContent): bigint {
  return checksumOf([queue, id, headers, payload]);
}

/** Returns the checksum of number and state of the task whose content has `checksum`. */
export function stateChecksum(seq: bigint, checksum: bigint, state: TaskState): bigint {
  const { attempts, due_time_ms, lease, first_time_ms, last_error } = state;
  return checksumOf([seq, checksum, attempts, due_time_ms, lease, first_time_ms, last_error]);
}

/** Whether number and state of a task are intact. */
export function isStateIntact(row: StateRow): boolean {
  return row.state_checksum === stateChecksum(row.seq, row.checksum, row) && isState(row);
}

/** Whether a task is intact. A task from before checksums may have been damaged when it got its own. */
export function isIntact(row: TaskRow): boolean {
  return isStateIntact(row) && row.checksum === contentChecksum(row) && isContent(row);
}

function isState({ attempts, first_time_ms, last_error }: TaskState): boolean {
  const hasFirstTime = first_time_ms === null || typeof first_time_ms === 'bigint';
  return typeof attempts === 'bigint' && hasFirstTime && typeof last_error === 'string';
}

function isContent({ id, payload, headers }: TaskContent): boolean {
  return typeof id === 'string' && payload instanceof Uint8Array && areHeaders(headers);
}

function areHeaders(json: string): boolean {
  try {
    const headers: unknown = JSON.parse(json);
    if (typeof headers !== 'object' || headers === null) return false;
    return Object.values(headers).every((value) => typeof value === 'string');
  } catch {
    return false;
  }
}
