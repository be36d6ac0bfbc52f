import type { Queryable } from '../../../storage/storage.ts';

/**
 * Returns how many events each consumer group has before it, at most: after a crash, some of them may be handled. Without groups
 * that have none.
 */
export async function countUnhandled(db: Queryable): Promise<Readonly<Record<string, number>>> {
  const rows = await db.query<{ name: string; events: bigint }>(
    `SELECT consumer_group AS name, SUM(end_offset - MAX(next_offset, start_offset)) AS events
     FROM committed_offset JOIN log_partition ON log_partition.id = partition_id
     GROUP BY consumer_group HAVING events > 0`,
  );
  return Object.fromEntries(rows.map(({ name, events }) => [name, Number(events)]));
}
