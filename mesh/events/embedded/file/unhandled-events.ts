import type { Queryable } from '../../../storage/storage.ts';

/**
 * Returns how many events each consumer group has before it, at most: after a crash, some of them may be handled. Without groups
 * that have none.
 */
export async function countUnhandled(db: Queryable): Promise<Readonly<Record<string, number>>> {
  const rows = await db.query<{ name: string; events: bigint }>(
    // A group that is after the end starts at the beginning, because the file has lost events.
    `SELECT consumer_group AS name, SUM(end_offset -
       CASE WHEN next_offset > end_offset THEN start_offset ELSE MAX(next_offset, start_offset) END) AS events
     FROM committed_offset JOIN log_partition ON log_partition.id = partition_id
     GROUP BY consumer_group HAVING events > 0`,
  );
  return Object.fromEntries(rows.map(({ name, events }) => [name, Number(events)]));
}
