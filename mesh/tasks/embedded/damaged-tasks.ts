import type { Queryable, Storage } from '../../storage/storage.ts';
import { queueDamaged } from '../errors.ts';
import { checksummed, taskMigrations } from './migrations.ts';
import { contentChecksum, isIntact, stateChecksum, type TaskRow, taskColumns } from './task-row.ts';

/** A task that is damaged and that no operator has discarded yet. */
export interface DamagedTask {
  readonly seq: bigint;
  readonly queue: string;
  readonly id: string;
}

/** Small, because other work waits for each step. */
const tasksInStep = 100;

const leastSeq = -(2n ** 63n);

/**
 * Migrates a queue to the current schema; tasks from before checksums get theirs, once. Then verifies all tasks and
 * their indexes. Throws DATA_LOSS `STORAGE_CORRUPT` if an index is damaged.
 */
export async function prepareTasks(storage: Storage, file: string): Promise<void> {
  await storage.migrate('tasks', taskMigrations);
  const done = await storage.query("SELECT 1 FROM pragma_table_info('damaged_task') WHERE name = 'state_checksum'");
  if (done.length === 0) await eachStep(storage, writeChecksums);
  await storage.migrate('tasks', [...taskMigrations, checksummed]);
  const [row] = await storage.query<{ integrity_check: string }>("SELECT * FROM pragma_integrity_check('queued_task')");
  if (row?.integrity_check !== 'ok') throw queueDamaged({ file, problem: String(row?.integrity_check) });
  await compareTasks(storage, () => undefined);
}

/** Compares all tasks with their checksums, 100 in a commit, and takes damaged ones out of their queues. */
export async function compareTasks(storage: Storage, examined: (tasks: number) => void): Promise<void> {
  await eachStep(storage, async (tx, row) => {
    examined(1);
    if (!isIntact(row)) await removeDamaged(tx, row.seq);
  });
}

async function eachStep(storage: Storage, visit: (tx: Queryable, row: TaskRow) => Promise<void>): Promise<void> {
  for (let after: bigint | undefined = leastSeq; after !== undefined; ) {
    const from: bigint = after;
    after = await storage.transaction(async (tx) => {
      const rows = await tx.query<TaskRow>(
        `SELECT ${taskColumns} FROM queued_task WHERE seq > $1 ORDER BY seq LIMIT $2`,
        [from, tasksInStep],
      );
      for (const row of rows) await visit(tx, row);
      return rows.at(-1)?.seq;
    });
  }
}

/** Keeps a checksum that a task has already, so damage to its content stays visible. */
async function writeChecksums(tx: Queryable, row: TaskRow): Promise<void> {
  const checksum = row.checksum ?? contentChecksum(row);
  const sql = 'UPDATE queued_task SET checksum = $2, state_checksum = $3 WHERE seq = $1';
  await tx.execute(sql, [row.seq, checksum, stateChecksum(row.seq, checksum, row)]);
}

/** Takes a damaged task out of its queue, as it was found, so no worker gets it and the others continue. */
export async function removeDamaged(tx: Queryable, seq: bigint): Promise<void> {
  await tx.execute(`INSERT INTO damaged_task (${taskColumns}) SELECT ${taskColumns} FROM queued_task WHERE seq = $1`, [
    seq,
  ]);
  await tx.execute('DELETE FROM queued_task WHERE seq = $1', [seq]);
}

/** Returns the damaged tasks that nobody has discarded, oldest first. */
export async function listDamaged(db: Queryable): Promise<DamagedTask[]> {
  const rows = await db.query<{ seq: bigint; queue: string; id: string }>(
    'SELECT seq, CAST(queue AS TEXT) AS queue, CAST(id AS TEXT) AS id FROM damaged_task WHERE note IS NULL ORDER BY seq',
  );
  return rows.map(({ seq, queue, id }) => ({ seq, queue, id }));
}
