import { notDamaged } from '../../../storage/errors.ts';
import { openStorage } from '../../../storage/open.ts';
import type { Storage, Transaction } from '../../../storage/storage.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import { damagedBefore } from '../../errors.ts';
import { insertRecords, type PlacedRow } from '../file/insert-records.ts';
import { openLogFile } from '../file/open-log-file.ts';
import type { Partition } from '../file/partition.ts';
import { contentOf, isIntact, type RecordRow, selectRecords } from '../file/record.ts';
import { recordId } from '../file/schema.ts';
import { type DamagedStretch, findDamage } from './find-damage.ts';

/** The log of a stopped process. */
export interface LogRepair extends AsyncDisposable {
  /** Yields the damaged ranges of records, in the order of partitions and offsets. */
  damage(): AsyncIterable<DamagedStretch>;
  /**
   * Skips the damaged range at `offset`, one record or several missing ones, so its partition continues after it. The
   * rows are kept unchanged in `skipped_record`. Returns the number of skipped offsets. Throws NOT_FOUND `NOT_DAMAGED`
   * if no range begins there.
   */
  skip(topic: string, partition: number, offset: bigint, note: string): Promise<number>;
}

const maxPerCommit = 500n;

/** Opens the log in `file` for repair. No other process may have it open. */
export async function openLogRepair(file: string, logger: Logger): Promise<LogRepair> {
  const storage = await openStorage(`sqlite:${file}`, { exclusive: true });
  try {
    const topics = await openLogFile(storage, file, logger);
    const partitions = topics.all().flatMap((topic) => topic.partitions);
    return {
      async *damage() {
        for (const partition of partitions) yield* findDamage(storage, partition, () => undefined);
      },
      async skip(topic, number, offset, note) {
        const partition = partitions.find((one) => one.topic === topic && one.number === number);
        const stretch = partition && (await stretchAt(storage, partition, offset));
        if (stretch === undefined) throw notDamaged({ file, place: `${topic}/${number}/${offset}` });
        // What the database cannot find, it cannot replace.
        if (stretch.to === undefined) throw stretch.error;
        for (let from = offset; from < stretch.to; from += maxPerCommit) {
          const to = from + maxPerCommit < stretch.to ? from + maxPerCommit : stretch.to;
          await storage.transaction((tx) => skipRecords(tx, stretch.partition, { from, to, note }));
        }
        return Number(stretch.to - offset);
      },
      [Symbol.asyncDispose]: () => storage.close(),
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function stretchAt(storage: Storage, partition: Partition, offset: bigint): Promise<DamagedStretch | undefined> {
  for await (const stretch of findDamage(storage, partition, () => undefined)) {
    if (stretch.from === offset) return stretch;
  }
  return undefined;
}

interface Skip {
  readonly from: bigint;
  readonly to: bigint;
  readonly note: string;
}

async function skipRecords(tx: Transaction, partition: Partition, { from, to, note }: Skip): Promise<void> {
  const [first, end] = [recordId(partition.id, from), recordId(partition.id, to)];
  await tx.execute(
    `INSERT INTO skipped_record
       (record_id, time_ms, reached_ms, start_bytes, key, headers, value, checksum, note, skip_time_ms)
     SELECT record.id, time_ms, reached_ms, start_bytes, key,
       COALESCE(NULLIF(record.headers, ''), record_payload.headers, ''),
       COALESCE(NULLIF(record.value, X''), record_payload.value, X''), checksum, $3, $4
     FROM record LEFT JOIN record_payload ON record_payload.seq = record.payload WHERE record.id >= $1 AND record.id < $2`,
    [first, end, note, Date.now()],
  );
  await tx.execute('DELETE FROM record WHERE id >= $1 AND id < $2', [first, end]);
  const before = await lastBefore(tx, partition, from);
  const skipped: PlacedRow[] = [];
  for (let id = first; id < end; id += 1n) {
    const row = {
      id,
      time_ms: before.reachedMs,
      reached_ms: before.reachedMs,
      start_bytes: before.bytes,
      key: '',
      headers: '{}',
      value: new Uint8Array(),
      skipped: 1n,
      payload: null,
      payload_headers: null,
      payload_value: null,
    };
    skipped.push({ partition, row });
  }
  await insertRecords(tx, skipped);
}

/** Returns time and bytes of the record before an offset, which must not decrease within a partition. */
async function lastBefore(tx: Transaction, partition: Partition, offset: bigint) {
  if (offset === partition.start) return { reachedMs: 0n, bytes: 0n };
  const [row] = await tx.query<RecordRow>(`${selectRecords} WHERE id = $1`, [recordId(partition.id, offset - 1n)]);
  if (row === undefined || !isIntact(partition, row))
    throw damagedBefore({ topic: partition.topic, partition: partition.number, offset });
  return { reachedMs: row.reached_ms, bytes: row.start_bytes + BigInt(contentOf(row).value.length) };
}
