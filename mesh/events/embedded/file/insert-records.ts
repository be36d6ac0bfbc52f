import { insertMany } from '../../../storage/insert-rows.ts';
import type { Transaction } from '../../../storage/storage.ts';
import type { Partition } from './partition.ts';
import { type RecordRow, recordChecksum } from './record.ts';

/** A row to insert, and its partition. */
export interface PlacedRow {
  readonly partition: Partition;
  readonly row: RecordRow;
}

const recordColumns = [
  'id',
  'time_ms',
  'reached_ms',
  'start_bytes',
  'key',
  'headers',
  'value',
  'skipped',
  'checksum',
  'payload',
];
const payloadColumns = ['seq', 'headers', 'value'];

/** Adds records with their checksums and payloads. */
export async function insertRecords(tx: Transaction, placed: readonly PlacedRow[]): Promise<void> {
  const records = placed.map(({ partition, row }) => {
    const { id, time_ms, reached_ms, start_bytes, key, headers, value, skipped, payload } = row;
    const checksum = recordChecksum(partition, row);
    return [id, time_ms, reached_ms, start_bytes, key, headers, value, skipped, checksum, payload];
  });
  const payloads = placed.flatMap(({ row: { payload, payload_headers, payload_value } }) =>
    payload === null ? [] : [[payload, payload_headers, payload_value]],
  );
  await insertMany(tx, 'record_payload', payloadColumns, payloads);
  await insertMany(tx, 'record', recordColumns, records);
}
