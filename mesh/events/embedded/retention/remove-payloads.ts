import type { Queryable, Storage } from '../../../storage/storage.ts';
import type { Partition } from '../file/partition.ts';
import { isIntact, type RecordRow, selectRecords } from '../file/record.ts';
import { offsetOf, recordId } from '../file/schema.ts';

// Small, because publishers wait for a deletion.
const maxDeletedPerCommit = 500n;

/**
 * Deletes the payloads from before the oldest record of every partition. They are deleted in the order in which they were appended,
 * in all partitions at once, because neighbours share pages. So a topic that keeps its events longer keeps payloads of others.
 */
export async function removePayloads(
  storage: Storage,
  partitions: readonly Partition[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const [ends] = await storage.query<{ first: bigint | null; last: bigint | null }>(
      'SELECT (SELECT MIN(seq) FROM record_payload) AS first, (SELECT MAX(seq) FROM record_payload) AS last',
    );
    if (ends?.first == null || ends.last == null) return;
    const { first, last } = ends;
    const keepFrom = await firstNeeded(storage, partitions, last);
    if (first >= keepFrom) return;
    const next = first + maxDeletedPerCommit;
    await storage.execute('DELETE FROM record_payload WHERE seq < $1', [next < keepFrom ? next : keepFrom]);
  }
}

/** The first payload that a record needs, at most `last`, which is kept so that no number is given twice. 0 if unknown. */
async function firstNeeded(db: Queryable, partitions: readonly Partition[], last: bigint): Promise<bigint> {
  let needed = last;
  for (const partition of partitions) {
    const [row] = await db.query<RecordRow>(`${selectRecords} WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1`, [
      recordId(partition.id, 0n),
      recordId(partition.id + 1n, 0n),
    ]);
    if (row === undefined) continue;
    // A record that is missing, damaged, or from a time before payloads says nothing about those after it.
    const isFirst = offsetOf(row.id) === partition.start && isIntact(partition, row);
    if (!isFirst || row.payload === null) return 0n;
    if (row.payload < needed) needed = row.payload;
  }
  return needed;
}
