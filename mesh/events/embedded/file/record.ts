import { crc32 } from 'node:zlib';
import type { Queryable, SqlValue } from '../../../storage/storage.ts';
import type { StoredEvent } from '../../log/event-log.ts';
import type { Partition } from './partition.ts';
import { offsetOf } from './schema.ts';

/** A record as its row says; a damaged one may say anything. */
export interface RecordRow {
  readonly id: bigint;
  readonly time_ms: bigint;
  readonly reached_ms: bigint;
  readonly start_bytes: bigint;
  readonly key: string;
  readonly headers: string;
  readonly value: Uint8Array;
  /** 1: an operator skipped what was here, so that it is nobody's event. */
  readonly skipped: bigint;
  readonly [column: string]: SqlValue;
}

/** The columns of a `RecordRow`, with its checksum. */
export const recordColumns = 'id, time_ms, reached_ms, start_bytes, key, headers, value, skipped, checksum';

/** The checksum that belongs to a record: over all its columns, and where it lies. */
export function recordChecksum({ topic, number }: Pick<Partition, 'topic' | 'number'>, row: RecordRow): bigint {
  const { id, time_ms, reached_ms, start_bytes, key, headers, skipped, value } = row;
  // One text with all lengths in front, and not a list of values: this is done for every event that is written or read.
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

/** Whether a record is as it was written. */
export function isIntact(partition: Partition, row: RecordRow): boolean {
  const { key, headers, value } = row;
  if (typeof key !== 'string' || typeof headers !== 'string' || !(value instanceof Uint8Array)) return false;
  return row.checksum === recordChecksum(partition, row);
}

/** The event of an intact record. */
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
