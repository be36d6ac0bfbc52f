import { countInSlices } from '../../storage/count-in-slices.ts';
import type { Queryable } from '../../storage/storage.ts';

/** Returns the number of tasks in a queue. */
export function countTasks(db: Queryable, queue: string): Promise<number> {
  return countInSlices('', 10_000, async (after, size) => {
    const [row] = await db.query<{ tasks: bigint; last: string | null }>(
      `SELECT count(*) AS tasks, max(id) AS last FROM (
         SELECT id FROM queued_task WHERE queue = $1 AND id > $2 ORDER BY id LIMIT $3
       ) AS slice`,
      [queue, after, size],
    );
    return { count: Number(row?.tasks ?? 0n), last: row?.last ?? undefined };
  });
}

/** Counts the tasks of a queue that are due. */
export function countDue(db: Queryable, queue: string, nowMs: number): Promise<number> {
  const due = 'FROM queued_task WHERE queue = $1 AND due_time_ms <= $2 AND (due_time_ms, seq) > ($3, $4)';
  const first = { due_time_ms: -1n, seq: -1n };
  return countInSlices(first, 10_000, async ({ due_time_ms, seq }, size) => {
    const params = [queue, nowMs, due_time_ms, seq, size];
    const [last] = await db.query<typeof first>(
      `SELECT due_time_ms, seq ${due} ORDER BY due_time_ms, seq LIMIT 1 OFFSET $5 - 1`,
      params,
    );
    if (last) return { count: size, last };
    const [row] = await db.query<{ tasks: bigint }>(`SELECT count(*) AS tasks FROM (SELECT 1 ${due} LIMIT $5)`, params);
    return { count: Number(row?.tasks ?? 0n), last: undefined };
  });
}

/** Counts the tasks of a queue that a worker has. */
export async function countLeased(db: Queryable, queue: string, nowMs: number): Promise<number> {
  const [row] = await db.query<{ tasks: bigint }>(
    'SELECT count(*) AS tasks FROM queued_task WHERE lease IS NOT NULL AND queue = $1 AND due_time_ms > $2',
    [queue, nowMs],
  );
  return Number(row?.tasks ?? 0n);
}

/** Returns the number of tasks in each queue that is not empty. */
export async function countByQueue(db: Queryable): Promise<Readonly<Record<string, number>>> {
  const rows = await db.query<{ queue: string; tasks: bigint }>(
    'SELECT queue, COUNT(*) AS tasks FROM queued_task GROUP BY queue',
  );
  return Object.fromEntries(rows.map(({ queue, tasks }) => [queue, Number(tasks)]));
}
