import type { Storage } from '../../../storage/storage.ts';
import { committedChecksum, readCommitted } from './meta-rows.ts';
import type { Partition } from './partition.ts';

/** The committed offsets of a consumer group. */
export interface Offsets {
  /** The next event to handle. */
  next(partition: Partition): bigint;
  commit(partition: Partition, next: bigint): Promise<void>;
  /** Durably stores the group's position in partitions where it has none yet. */
  begin(partitions: readonly Partition[], start: 'beginning' | 'latest'): Promise<void>;
}

/** Reads the committed offsets of a group from the log in `file`. */
export async function loadOffsets(storage: Storage, file: string, group: string): Promise<Offsets> {
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
      const fresh = partitions.filter((partition) => !committed.has(partition.id));
      await Promise.all(
        fresh.map((partition) => commit(partition, start === 'latest' ? partition.head.offset : partition.start)),
      );
    },
  };
}
