import type { Storage } from '../../../storage/storage.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import { committedChecksum, readCommitted } from './meta-rows.ts';
import type { Partition } from './partition.ts';

/** The committed offsets of a consumer group. */
export interface Offsets {
  /** The next event to handle. */
  next(partition: Partition): bigint;
  commit(partition: Partition, next: bigint): Promise<void>;
  /**
   * Durably stores the group's position in partitions where it has none yet. A position after the end of a partition is
   * replaced by its beginning: the file has lost events, and the group has missed those that came since.
   */
  begin(partitions: readonly Partition[], start: 'beginning' | 'latest'): Promise<void>;
}

const behindEnd = 'offset of a group is after the end of its partition; the group starts at its beginning';

/** Reads the committed offsets of a group from the log in `file`. */
export async function loadOffsets(
  storage: Storage,
  { file, group, logger }: { readonly file: string; readonly group: string; readonly logger: Logger },
): Promise<Offsets> {
  const committed = new Map<bigint, bigint>();
  for (const row of await readCommitted(storage, file)) {
    if (row.group === group) committed.set(row.partitionId, row.next);
  }

  async function commit(partition: Partition, next: bigint): Promise<void> {
    if (committed.get(partition.id) === next) return;
    await storage.transaction(async (tx) => {
      await tx.execute(
        `INSERT INTO committed_offset (consumer_group, partition_id, next_offset, checksum) VALUES ($1, $2, $3, $4)
         ON CONFLICT (consumer_group, partition_id) DO UPDATE SET next_offset = excluded.next_offset, checksum = excluded.checksum`,
        [group, partition.id, next, committedChecksum({ group, partitionId: partition.id, next })],
      );
    });
    committed.set(partition.id, next);
  }

  return {
    next: (partition) => committed.get(partition.id) ?? partition.start,
    commit,
    async begin(partitions, start) {
      const startOf = (partition: Partition): bigint | undefined => {
        const { topic, number, head } = partition;
        const next = committed.get(partition.id);
        if (next === undefined) return start === 'latest' ? head.offset : partition.start;
        if (next <= head.offset) return undefined;
        logger.warn({ group, topic, partition: number, offset: `${next}`, end: `${head.offset}` }, behindEnd);
        return partition.start;
      };
      // Concurrently, so all of them share one commit to the disk.
      await Promise.all(
        partitions.map(async (partition) => {
          const from = startOf(partition);
          if (from !== undefined) await commit(partition, from);
        }),
      );
    },
  };
}
