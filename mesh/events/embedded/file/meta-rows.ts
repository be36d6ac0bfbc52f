import { checksumOf } from '../../../storage/checksum.ts';
import type { Queryable, Row } from '../../../storage/storage.ts';
import { committedOffsetDamaged, logDamaged } from '../../errors.ts';
import type { Head } from './partition.ts';

/** The row of a topic. */
export interface TopicRow {
  readonly name: string;
  readonly retentionMs: bigint;
}

/** The row of a partition: where it begins and ends. */
export interface PartitionRow {
  readonly id: bigint;
  readonly topic: string;
  readonly number: bigint;
  readonly start: bigint;
  readonly head: Head;
}

/** The row of a committed offset: where a group resumes in a partition. */
export interface CommittedRow {
  readonly group: string;
  readonly partitionId: bigint;
  readonly next: bigint;
}

type StoredTopic = { name: string; retention_ms: bigint; checksum: bigint };
type StoredPartition = {
  id: bigint;
  topic: string;
  number: bigint;
  start_offset: bigint;
  end_offset: bigint;
  end_reached_ms: bigint;
  end_bytes: bigint;
  checksum: bigint;
};
type StoredCommitted = { consumer_group: string; partition_id: bigint; next_offset: bigint; checksum: bigint };

export const topicChecksum = ({ name, retentionMs }: TopicRow): bigint => checksumOf([name, retentionMs]);

export const partitionChecksum = ({ id, topic, number, start, head }: PartitionRow): bigint =>
  checksumOf([id, topic, number, start, head.offset, head.reachedMs, head.bytes]);

export const committedChecksum = ({ group, partitionId, next }: CommittedRow): bigint =>
  checksumOf([group, partitionId, next]);

/** Reads the topics of a log file. Throws DATA_LOSS `STORAGE_CORRUPT` if one is damaged; so do the functions below. */
export async function readTopics(db: Queryable, file: string): Promise<TopicRow[]> {
  const rows = await db.query<StoredTopic>('SELECT name, retention_ms, checksum FROM log_topic');
  return rows.map((row) => {
    const topic = { name: row.name, retentionMs: row.retention_ms };
    return intact(topic, row, topicChecksum, file, 'a topic');
  });
}

/** Reads the partitions of a topic, or one by its id, in the order of their numbers. */
export async function readPartitions(
  db: Queryable,
  file: string,
  by: { readonly topic: string } | { readonly id: bigint },
): Promise<PartitionRow[]> {
  const [column, value] = 'topic' in by ? ['topic', by.topic] : ['id', by.id];
  const rows = await db.query<StoredPartition>(
    `SELECT id, topic, number, start_offset, end_offset, end_reached_ms, end_bytes, checksum
     FROM log_partition WHERE ${column} = $1 ORDER BY number`,
    [value],
  );
  return rows.map((row) => {
    const head: Head = { offset: row.end_offset, reachedMs: row.end_reached_ms, bytes: row.end_bytes };
    const partition = { id: row.id, topic: row.topic, number: row.number, start: row.start_offset, head };
    return intact(partition, row, partitionChecksum, file, 'a partition');
  });
}

/** Reads the committed offsets of groups. */
export async function readCommitted(db: Queryable, file: string): Promise<CommittedRow[]> {
  const rows = await db.query<StoredCommitted>(
    'SELECT consumer_group, partition_id, next_offset, checksum FROM committed_offset',
  );
  return rows.map((row) => {
    const committed = { group: row.consumer_group, partitionId: row.partition_id, next: row.next_offset };
    if (row.checksum !== committedChecksum(committed)) throw committedOffsetDamaged({ file, ...committed });
    return committed;
  });
}

/** Writes where a partition begins and ends. */
export async function writePartition(tx: Queryable, row: PartitionRow): Promise<void> {
  const { id, start, head } = row;
  await tx.execute(
    `UPDATE log_partition SET start_offset = $2, end_offset = $3, end_reached_ms = $4, end_bytes = $5, checksum = $6
     WHERE id = $1`,
    [id, start, head.offset, head.reachedMs, head.bytes, partitionChecksum(row)],
  );
}

function intact<T>(value: T, row: Row, checksum: (value: T) => bigint, file: string, what: string): T {
  if (row.checksum === checksum(value)) return value;
  throw logDamaged({ file, problem: `the row of ${what} is corrupt` });
}
