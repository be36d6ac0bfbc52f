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
  const [ends] = await storage.query<{ first: bigint | null; last: bigint | null }>(
    'SELECT (SELECT MIN(seq) FROM record_payload) AS first, (SELECT MAX(seq) FROM record_payload) AS last',
  );
  if (ends?.first == null || ends.last == null) return;
  // Known once for all deletions: what is appended meanwhile has later payloads.
  const keepFrom = await firstNeeded(storage, partitions, ends.last);
  for (let from = ends.first; from < keepFrom && !signal.aborted; ) {
    const next = from + maxDeletedPerCommit;
    from = next < keepFrom ? next : keepFrom;
    await storage.execute('DELETE FROM record_payload WHERE seq < $1', [from]);
  }
}

/** The first payload that a record needs, at most `last`, which is kept so that no number is given twice. 0 if unknown. */
async function firstNeeded(db: Queryable, partitions: readonly Partition[], last: bigint): Promise<bigint> {
  let needed = last;
  for (const partition of partitions) {
    const payload = await firstOf(db, partition);
    if (payload === 'unknown') return 0n;
    if (payload !== undefined && payload < needed) needed = payload;
  }
  return needed;
}

/**
 * The first payload of a partition; `undefined` if its records have none. A record that is missing, damaged, or from a time
 * before payloads says nothing about those after it. One that an operator skipped has no payload.
 */
async function firstOf(db: Queryable, partition: Partition): Promise<bigint | 'unknown' | undefined> {
  const end = recordId(partition.id + 1n, 0n);
  // Not from the start, before which a deletion that failed has left records.
  let from = recordId(partition.id, 0n);
  for (let offset = partition.start; ; offset += 1n) {
    const [row] = await db.query<RecordRow>(`${selectRecords} WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1`, [
      from,
      end,
    ]);
    if (row === undefined) return undefined;
    if (offsetOf(row.id) !== offset || !isIntact(partition, row)) return 'unknown';
    if (row.skipped === 0n) return row.payload ?? 'unknown';
    from = row.id + 1n;
  }
}
