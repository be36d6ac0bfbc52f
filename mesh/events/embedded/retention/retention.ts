import { type AgingClock, openAgingClock } from '../../../storage/aging/aging-clock.ts';
import type { Storage } from '../../../storage/storage.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import { everyHour } from '../../../time/every-hour.ts';
import { readPartitions, writePartition } from '../file/meta-rows.ts';
import type { Partition } from '../file/partition.ts';
import { recordId } from '../file/schema.ts';
import type { Topics } from '../file/topics.ts';
import { removePayloads } from './remove-payloads.ts';
import { forgetMarks, markEnds, type RetentionMark, readMarks, retentionMarkMigrations } from './retention-marks.ts';

// Small, because publishers wait for a deletion.
const maxDeletedPerCommit = 500n;

/**
 * Marks where the partitions end and removes what is older than its topic's retention, now and every hour until `signal`
 * aborts. Events age by the time that passes while the log is open, from the first mark after them: they are kept for their
 * retention and up to two more hours, even if the clock is wrong, and a long stop removes none.
 */
export function keepRetention(
  storage: Storage,
  topics: Topics,
  clock: Clock,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  let aging: AgingClock | undefined;
  return everyHour({
    run: async () => {
      aging ??= await prepareAging(storage, clock);
      await removeOld(storage, topics, aging.nowMs(), signal);
    },
    onFailure: (error, again) => logger.warn({ err: error }, `removing old events failed; retrying ${again}`),
    clock,
    signal,
  });
}

async function prepareAging(storage: Storage, clock: Clock): Promise<AgingClock> {
  await storage.migrate('event-log-retention', retentionMarkMigrations);
  return await openAgingClock(storage, clock);
}

async function removeOld(storage: Storage, topics: Topics, nowMs: number, signal: AbortSignal): Promise<void> {
  const marks = await readMarks(storage);
  const partitions = topics.all().flatMap((topic) => topic.partitions);
  marks.push(...(await markEnds(storage, partitions, marks, BigInt(nowMs))));
  const marksOf = Map.groupBy(marks, ({ partitionId }) => partitionId);
  for (const topic of topics.all()) {
    const beforeMs = BigInt(Math.floor(nowMs - topic.retentionMs));
    for (const partition of topic.partitions) {
      const keepFrom = endOfOld(marksOf.get(partition.id) ?? [], beforeMs);
      if (partition.start >= keepFrom) continue;
      while (partition.start < keepFrom && !signal.aborted) await removeBatch(storage, partition, keepFrom);
      await forgetMarks(storage, partition.id, partition.start);
    }
  }
  await removePayloads(storage, partitions, signal);
}

/** Returns where the records that were written before `beforeMs` end, as far as the marks show. */
function endOfOld(marks: readonly RetentionMark[], beforeMs: bigint): bigint {
  let end = 0n;
  for (const { agedMs, endOffset } of marks) if (agedMs < beforeMs && endOffset > end) end = endOffset;
  return end;
}

async function removeBatch(storage: Storage, partition: Partition, keepFrom: bigint): Promise<void> {
  const next = partition.start + maxDeletedPerCommit;
  const to = next < keepFrom ? next : keepFrom;
  // First, so no reader looks for records that are about to be deleted.
  partition.start = to;
  await storage.transaction(async (tx) => {
    await tx.execute('DELETE FROM record WHERE id >= $1 AND id < $2', [
      recordId(partition.id, 0n),
      recordId(partition.id, to),
    ]);
    // Read here: what was appended in the same commit is in the row but not yet in memory.
    const [row] = await readPartitions(tx, partition.file, { id: partition.id });
    if (row) await writePartition(tx, { ...row, start: to });
  });
}
