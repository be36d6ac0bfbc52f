import { crc32 } from 'node:zlib';
import type { SqlValue } from '../../../storage/storage.ts';
import type { StoredEvent } from '../../log/event-log.ts';
import type { Partition } from './partition.ts';
import { offsetOf } from './schema.ts';

/** The row of a record with its payload. If it is damaged, it may contain anything. */
export interface RecordRow {
  readonly id: bigint;
  readonly time_ms: bigint;
  readonly reached_ms: bigint;
  readonly start_bytes: bigint;
  readonly key: string;
  /** Empty, as `value` is, if there is a payload. */
  readonly headers: string;
  readonly value: Uint8Array;
  /** 1: an operator skipped the damaged record, so there is no event here. */
  readonly skipped: bigint;
  /** Where its headers and value are; `null`: in this row, as an earlier version wrote them, or as a skipped record has none. */
  readonly payload: bigint | null;
  readonly payload_headers: string | null;
  readonly payload_value: Uint8Array | null;
  readonly [column: string]: SqlValue;
}

/** Selects rows of records with their checksums. Continue with `WHERE`. */
export const selectRecords = `SELECT record.id, time_ms, reached_ms, start_bytes, key, record.headers, record.value, skipped, checksum,
   payload, record_payload.headers AS payload_headers, record_payload.value AS payload_value
 FROM record LEFT JOIN record_payload ON record_payload.seq = record.payload`;

/** Returns the checksum of a record, over all its columns, its payload and its position. */
export function recordChecksum({ topic, number }: Pick<Partition, 'topic' | 'number'>, row: RecordRow): bigint {
  const { id, time_ms, reached_ms, start_bytes, key, skipped, payload } = row;
  const { headers, value } = contentOf(row);
  // One text with all lengths first instead of a list of values, because this runs for every event written or read.
  const place = payload === null ? `${number}` : `${number} @${payload}`;
  const numbers = `${place} ${offsetOf(id)} ${time_ms} ${reached_ms} ${start_bytes} ${skipped}`;
  const text = `${numbers} ${topic.length} ${key.length} ${value.length} ${topic}${key}${headers}`;
  return BigInt(crc32(value, crc32(text)));
}

/** Whether a record is intact. */
export function isIntact(partition: Partition, row: RecordRow): boolean {
  const { key, headers, value, payload, payload_headers, payload_value } = row;
  if (typeof key !== 'string' || typeof headers !== 'string' || !(value instanceof Uint8Array)) return false;
  if (payload !== null) {
    if (typeof payload_headers !== 'string' || !(payload_value instanceof Uint8Array)) return false;
    if (headers !== '' || value.length > 0) return false;
  }
  return row.checksum === recordChecksum(partition, row);
}

/** Returns the event of an intact record. */
export function toStoredEvent(partition: Partition, row: RecordRow): StoredEvent {
  const { headers, value } = contentOf(row);
  return {
    topic: partition.topic,
    partition: partition.number,
    offset: offsetOf(row.id),
    key: row.key,
    headers: JSON.parse(headers) as Record<string, string>,
    value,
    timeMs: Number(row.time_ms),
  };
}

/** Returns headers and value of a record, wherever they are stored. */
export function contentOf({ headers, value, payload, payload_headers, payload_value }: RecordRow) {
  if (payload === null) return { headers, value };
  return { headers: payload_headers ?? '', value: payload_value ?? new Uint8Array() };
}
