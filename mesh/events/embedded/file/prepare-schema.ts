import type { Queryable, Storage } from '../../../storage/storage.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import { committedChecksum, topicChecksum, writePartition } from './meta-rows.ts';
import type { Head } from './partition.ts';
import { type RecordRow, recordChecksum, selectRecords } from './record.ts';
import { checksummed, migrations, offsetOf, recordId } from './schema.ts';

type OldPartition = { id: bigint; topic: string; number: bigint; start_offset: bigint };

/** Bytes of values that one step reads. The first record is read regardless of its size. */
const maxStepBytes = 4 * 1024 * 1024;
const maxStepRecords = 500n;

/**
 * Migrates a log file to the current schema. Records from before checksums get theirs, some hundred in a commit. After
 * a crash this resumes where it was.
 */
export async function prepareSchema(storage: Storage, logger: Logger): Promise<void> {
  await storage.migrate('event-log', migrations);
  const done = await storage.query("SELECT 1 FROM sqlite_schema WHERE name = 'skipped_record'");
  if (done.length === 0) await addChecksums(storage, logger);
  await storage.migrate('event-log', [...migrations, checksummed]);
}

async function addChecksums(storage: Storage, logger: Logger): Promise<void> {
  const partitions = await storage.query<OldPartition>('SELECT id, topic, number, start_offset FROM log_partition');
  if (partitions.length > 0) logger.info('adding checksums to the records of the event log, once');
  for (const partition of partitions) await addToRecords(storage, partition);
  await storage.transaction(async (tx) => {
    for (const partition of partitions) await addToPartition(tx, partition);
    for (const row of await tx.query<{ name: string; retention_ms: bigint }>(
      'SELECT name, retention_ms FROM log_topic',
    )) {
      const checksum = topicChecksum({ name: row.name, retentionMs: row.retention_ms });
      await tx.execute('UPDATE log_topic SET checksum = $2 WHERE name = $1', [row.name, checksum]);
    }
    const committed = await tx.query<{ consumer_group: string; partition_id: bigint; next_offset: bigint }>(
      'SELECT consumer_group, partition_id, next_offset FROM committed_offset',
    );
    for (const { consumer_group: group, partition_id: partitionId, next_offset: next } of committed) {
      await tx.execute('UPDATE committed_offset SET checksum = $3 WHERE consumer_group = $1 AND partition_id = $2', [
        group,
        partitionId,
        committedChecksum({ group, partitionId, next }),
      ]);
    }
  });
}

async function addToRecords(storage: Storage, { id, topic, number, start_offset }: OldPartition): Promise<void> {
  const partition = { topic, number: Number(number) };
  const end = recordId(id + 1n, 0n);
  for (let from: bigint | undefined = recordId(id, start_offset); from !== undefined; ) {
    const first: bigint = from;
    from = await storage.transaction(async (tx) => {
      const rows = await tx.query<RecordRow>(
        `${selectRecords} WHERE id >= $1 AND id < $2
         AND start_bytes < (SELECT start_bytes FROM record WHERE id >= $1 AND id < $3 ORDER BY id LIMIT 1) + $4
         ORDER BY id`,
        [first, first + maxStepRecords < end ? first + maxStepRecords : end, end, maxStepBytes],
      );
      for (const row of rows) {
        if (row.checksum !== null) continue;
        await tx.execute('UPDATE record SET checksum = $2 WHERE id = $1', [row.id, recordChecksum(partition, row)]);
      }
      return await nextRecord(tx, (rows.at(-1)?.id ?? first + maxStepRecords - 1n) + 1n, end);
    });
  }
}

/** Returns the id of the next record before `end`, after a gap if there is one. */
async function nextRecord(db: Queryable, from: bigint, end: bigint): Promise<bigint | undefined> {
  const [row] = await db.query<{ id: bigint }>('SELECT id FROM record WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1', [
    from,
    end,
  ]);
  return row?.id;
}

async function addToPartition(tx: Queryable, { id, topic, number, start_offset: start }: OldPartition): Promise<void> {
  const head = await headOf(tx, id, start);
  await writePartition(tx, { id, topic, number, start, head });
}

async function headOf(tx: Queryable, id: bigint, start: bigint): Promise<Head> {
  const [last] = await tx.query<{ id: bigint; reached_ms: bigint; end_bytes: bigint }>(
    `SELECT id, reached_ms, start_bytes + length(value) AS end_bytes FROM record
     WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT 1`,
    [recordId(id, 0n), recordId(id + 1n, 0n)],
  );
  // Retention may have removed every record, but offsets continue.
  if (!last) return { offset: start, reachedMs: 0n, bytes: 0n };
  return { offset: offsetOf(last.id) + 1n, reachedMs: last.reached_ms, bytes: last.end_bytes };
}
