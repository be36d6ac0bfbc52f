import { type AgingClock, openAgingClock } from '../../storage/aging-clock.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { pause } from '../../telemetry/pause.ts';
import { isDamage } from './damage.ts';
import { readPartitions, writePartition } from './meta-rows.ts';
import type { Partition } from './partition.ts';
import { findOffset } from './reader.ts';
import { recordId } from './schema.ts';
import type { Topics } from './topics.ts';

const intervalMs = 60 * 60 * 1000;
// Small, because a deletion holds up the publishers.
const maxDeletedPerCommit = 500n;

/**
 * Removes what is older than its topic's retention, now and every hour until `signal` aborts. Resolves at that end. Events
 * age by the time that passes while the log is open: a clock that is far ahead removes nothing that is not old.
 */
export async function keepRetention(
  storage: Storage,
  topics: Topics,
  clock: Clock,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  let aging: AgingClock | undefined;
  while (!signal.aborted) {
    try {
      aging ??= await openAgingClock(storage, { newest: async (limitMs) => newestOf(topics, limitMs) }, clock);
      await removeOld(storage, topics, Math.min(clock.now(), aging.nowMs()), signal);
    } catch (error) {
      logger.warn({ err: error }, 'old events were not removed; the next try is in an hour');
    }
    await pause(clock, intervalMs, signal);
  }
}

/** The latest time that a partition has reached, of those not after the limit. */
function newestOf(topics: Topics, limitMs: number): number | undefined {
  let newestMs: number | undefined;
  for (const { partitions } of topics.all()) {
    for (const { head } of partitions) {
      const reachedMs = Number(head.reachedMs);
      if (reachedMs > 0 && reachedMs <= limitMs && reachedMs > (newestMs ?? 0)) newestMs = reachedMs;
    }
  }
  return newestMs;
}

async function removeOld(storage: Storage, topics: Topics, nowMs: number, signal: AbortSignal): Promise<void> {
  for (const topic of topics.all()) {
    for (const partition of topic.partitions) {
      try {
        const keepFrom = await findOffset(storage, partition, nowMs - topic.retentionMs);
        while (partition.start < keepFrom && !signal.aborted) await removeBatch(storage, partition, keepFrom);
      } catch (error) {
        // Nobody knows how old a damaged record is. It is reported where it is read, and the others go on ageing.
        if (!isDamage(error)) throw error;
      }
    }
  }
}

async function removeBatch(storage: Storage, partition: Partition, keepFrom: bigint): Promise<void> {
  const next = partition.start + maxDeletedPerCommit;
  const to = next < keepFrom ? next : keepFrom;
  // First, so that no reader looks for what is about to go.
  partition.start = to;
  await storage.transaction(async (tx) => {
    await tx.execute('DELETE FROM record WHERE id >= $1 AND id < $2', [
      recordId(partition.id, 0n),
      recordId(partition.id, to),
    ]);
    // Read here: what was appended in the same commit is in the row, and not yet in memory.
    const [row] = await readPartitions(tx, partition.file, { id: partition.id });
    if (row) await writePartition(tx, { ...row, start: to });
  });
}
