import { crc32 } from 'node:zlib';
import type { Queryable, SqlValue } from '../../../storage/storage.ts';
import type { StoredEvent } from '../../log/event-log.ts';
import type { Partition } from './partition.ts';
import { offsetOf } from './schema.ts';

/** The row of a record. If it is damaged, it may contain anything. */
export interface RecordRow {
  readonly id: bigint;
  readonly time_ms: bigint;
  readonly reached_ms: bigint;
  readonly start_bytes: bigint;
  readonly key: string;
  readonly headers: string;
  readonly value: Uint8Array;
  /** 1: an operator skipped the damaged record, so there is no event here. */
  readonly skipped: bigint;
  readonly [column: string]: SqlValue;
}

/** The columns of a `RecordRow`, with its checksum. */
export const recordColumns = 'id, time_ms, reached_ms, start_bytes, key, headers, value, skipped, checksum';

/** Returns the checksum of a record, over all its columns and its position. */
export function recordChecksum({ topic, number }: Pick<Partition, 'topic' | 'number'>, row: RecordRow): bigint {
  const { id, time_ms, reached_ms, start_bytes, key, headers, skipped, value } = row;
  // One text with all lengths first instead of a list of values, because this runs for every event written or read.
  const numbers = `${number} ${offsetOf(id)} ${time_ms} ${reached_ms} ${start_bytes} ${skipped}`;
  const text = `${numbers} ${topic.length} ${key.length} ${value.length} ${topic}${key}${headers}`;
  return BigInt(crc32(value, crc32(text)));
}

const insertion = `INSERT INTO record (${recordColumns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`;

/** Adds a record, with its checksum. */
export async function insertRecord(tx: Queryable, partition: Partition, row: RecordRow): Promise<void> {
  const { id, time_ms, reached_ms, start_bytes, key, headers, value, skipped } = row;
  await tx.execute(insertion, [
    id,
    time_ms,
    reached_ms,
    start_bytes,
    key,
    headers,
    value,
    skipped,
    recordChecksum(partition, row),
  ]);
}

/** Whether a record is intact. */
export function isIntact(partition: Partition, row: RecordRow): boolean {
  const { key, headers, value } = row;
  if (typeof key !== 'string' || typeof headers !== 'string' || !(value instanceof Uint8Array)) return false;
  return row.checksum === recordChecksum(partition, row);
}

/** Returns the event of an intact record. */
export function toStoredEvent(partition: Partition, row: RecordRow): StoredEvent {
  return {
    topic: partition.topic,
    partition: partition.number,
    offset: offsetOf(row.id),
    key: row.key,
    headers: JSON.parse(row.headers) as Record<string, string>,
    value: row.value,
    timeMs: Number(row.time_ms),
  };
}
