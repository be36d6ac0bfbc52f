import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import { checksumOf } from '../../storage/checksum.ts';
import type { Queryable, SqlValue, Storage } from '../../storage/storage.ts';
import { checksummed, taskMigrations } from './migrations.ts';

/** A task that was found damaged, and that no operator has given up yet. */
export interface DamagedTask {
  readonly seq: bigint;
  readonly queue: string;
  readonly id: string;
}

type ContentRow = {
  seq: bigint;
  queue: string;
  id: string;
  payload: Uint8Array;
  headers: string;
  checksum: SqlValue;
};

/** Small, because everything else waits for a step. */
const tasksInStep = 100;

/** The checksum that belongs to what a task says. */
export function taskChecksum({ queue, id, headers, payload }: Omit<ContentRow, 'seq' | 'checksum'>): bigint {
  return checksumOf([queue, id, headers, payload]);
}

/** Whether what a task says is as it was written. One from before checksums may have been damaged when it got its own. */
export function isIntact(row: ContentRow): boolean {
  return row.checksum === taskChecksum(row) && areHeaders(row.headers);
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

/**
 * Brings a queue to the present schema: tasks from before checksums get theirs, once. Then compares all of them, and the
 * indexes that they are found by: DATA_LOSS `STORAGE_CORRUPT` when one of those is damaged.
 */
export async function prepareTasks(storage: Storage, file: string): Promise<void> {
  await storage.migrate('tasks', taskMigrations);
  const done = await storage.query("SELECT 1 FROM sqlite_schema WHERE name = 'damaged_task'");
  if (done.length === 0) await eachStep(storage, (tx, row) => writeChecksum(tx, row));
  await storage.migrate('tasks', [...taskMigrations, checksummed]);
  const [row] = await storage.query<{ integrity_check: string }>("SELECT * FROM pragma_integrity_check('task')");
  if (row?.integrity_check !== 'ok') throw queueDamaged(file, String(row?.integrity_check));
  await compareTasks(storage, () => undefined);
}

/** Compares all tasks with their checksums, 100 in a commit, and takes those out of their queues that are damaged. */
export async function compareTasks(storage: Storage, examined: (tasks: number) => void): Promise<void> {
  await eachStep(storage, async (tx, row) => {
    examined(1);
    if (!isIntact(row)) await removeDamaged(tx, row.seq);
  });
}

async function eachStep(storage: Storage, visit: (tx: Queryable, row: ContentRow) => Promise<void>): Promise<void> {
  for (let after: bigint | undefined = 0n; after !== undefined; ) {
    const from: bigint = after;
    after = await storage.transaction(async (tx) => {
      const rows = await tx.query<ContentRow>(
        'SELECT seq, queue, id, payload, headers, checksum FROM task WHERE seq > $1 ORDER BY seq LIMIT $2',
        [from, tasksInStep],
      );
      for (const row of rows) await visit(tx, row);
      return rows.at(-1)?.seq;
    });
  }
}

async function writeChecksum(tx: Queryable, row: ContentRow): Promise<void> {
  await tx.execute('UPDATE task SET checksum = $2 WHERE seq = $1', [row.seq, taskChecksum(row)]);
}

/** Takes a damaged task out of its queue, as it was found, so that nobody is handed it and the others go on. */
export async function removeDamaged(tx: Queryable, seq: bigint): Promise<void> {
  await tx.execute(
    `INSERT INTO damaged_task (seq, queue, id, payload, headers, checksum)
     SELECT seq, queue, id, payload, headers, checksum FROM task WHERE seq = $1`,
    [seq],
  );
  await tx.execute('DELETE FROM task WHERE seq = $1', [seq]);
}

/** The damaged tasks that nobody has given up, the oldest first. */
export async function listDamaged(db: Queryable): Promise<DamagedTask[]> {
  const rows = await db.query<{ seq: bigint; queue: string; id: string }>(
    'SELECT seq, CAST(queue AS TEXT) AS queue, CAST(id AS TEXT) AS id FROM damaged_task WHERE note IS NULL ORDER BY seq',
  );
  return rows.map(({ seq, queue, id }) => ({ seq, queue, id }));
}

/** DATA_LOSS `STORAGE_CORRUPT`: a task was found damaged. */
export function taskDamaged(file: string, { seq, queue, id }: DamagedTask): MeshError {
  const text = `the task queue ${file} is damaged: task ${id} (number ${seq}) of ${queue} is not as it was written, so nobody is handed it; stop this process and restore the whole data folder from a backup, or give the task up with: make damaged ARGS="skip task/${seq} --note=<why>"`;
  const metadata = { file, queue, task: id };
  return new MeshError(Status.DATA_LOSS, 'STORAGE_CORRUPT', text, { metadata });
}

function queueDamaged(file: string, what: string): MeshError {
  const text = `the task queue ${file} is damaged: ${what}; stop this process, restore the whole data folder from a backup, and start it again`;
  return new MeshError(Status.DATA_LOSS, 'STORAGE_CORRUPT', text, { metadata: { file } });
}
