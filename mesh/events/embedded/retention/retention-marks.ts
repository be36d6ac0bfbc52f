import { checksumOf } from '../../../storage/checksum.ts';
import type { Migration, Queryable, Storage } from '../../../storage/storage.ts';
import type { Partition } from '../file/partition.ts';

/** Records that the records of a partition before an offset existed at an age of the log. */
export interface RetentionMark {
  readonly partitionId: bigint;
  /** As `AgingClock` counts. */
  readonly agedMs: bigint;
  readonly endOffset: bigint;
}

/** The schema of the marks, next to the records. */
export const retentionMarkMigrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `
      CREATE TABLE retention_mark (
        partition_id BIGINT NOT NULL,
        aged_ms BIGINT NOT NULL,
        end_offset BIGINT NOT NULL,
        checksum BIGINT NOT NULL,
        PRIMARY KEY (partition_id, aged_ms)
      );`,
  },
];

type MarkRow = { partition_id: bigint; aged_ms: bigint; end_offset: bigint; checksum: bigint };

/** Returns all marks. A damaged one is ignored: its records are removed with those of the next mark. */
export async function readMarks(db: Queryable): Promise<RetentionMark[]> {
  const rows = await db.query<MarkRow>('SELECT partition_id, aged_ms, end_offset, checksum FROM retention_mark');
  return rows.flatMap((row) => {
    const mark = { partitionId: row.partition_id, agedMs: row.aged_ms, endOffset: row.end_offset };
    return markChecksum(mark) === row.checksum ? [mark] : [];
  });
}

/** Marks where each partition ends, unless nothing was written since the last of its `marks`. Returns the new marks. */
export async function markEnds(
  storage: Storage,
  partitions: readonly Partition[],
  marks: readonly RetentionMark[],
  agedMs: bigint,
): Promise<RetentionMark[]> {
  const markedEnds = new Map<bigint, bigint>();
  for (const { partitionId, endOffset } of marks) {
    if (endOffset > (markedEnds.get(partitionId) ?? -1n)) markedEnds.set(partitionId, endOffset);
  }
  const added = partitions
    .map(({ id, head, start }) => ({ partitionId: id, agedMs, endOffset: head.offset, start }))
    .filter(({ partitionId, endOffset, start }) => endOffset > (markedEnds.get(partitionId) ?? start));
  if (added.length === 0) return [];
  await storage.transaction(async (tx) => {
    for (const mark of added) {
      await tx.execute(
        `INSERT INTO retention_mark (partition_id, aged_ms, end_offset, checksum) VALUES ($1, $2, $3, $4)
         ON CONFLICT (partition_id, aged_ms) DO UPDATE SET end_offset = excluded.end_offset, checksum = excluded.checksum`,
        [mark.partitionId, mark.agedMs, mark.endOffset, markChecksum(mark)],
      );
    }
  });
  return added;
}

/** Deletes the marks of a partition whose records are all removed. */
export async function forgetMarks(db: Queryable, partitionId: bigint, start: bigint): Promise<void> {
  await db.execute('DELETE FROM retention_mark WHERE partition_id = $1 AND end_offset <= $2', [partitionId, start]);
}

function markChecksum({ partitionId, agedMs, endOffset }: RetentionMark): bigint {
  return checksumOf([partitionId, agedMs, endOffset]);
}
