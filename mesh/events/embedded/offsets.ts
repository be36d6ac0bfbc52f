import type { Storage } from '../../storage/storage.ts';
import type { Partition } from './partition.ts';

/** The committed offsets of a consumer group. */
export interface Offsets {
  /** The next event to handle. */
  next(partition: Partition): bigint;
  commit(partition: Partition, next: bigint): Promise<void>;
  /** Gives the group its place, durably, in the partitions where it has none yet. */
  begin(partitions: readonly Partition[], start: 'beginning' | 'latest'): Promise<void>;
}

/** Reads the committed offsets of a group. */
export async function loadOffsets(storage: Storage, group: string): Promise<Offsets> {
  const committed = new Map<bigint, bigint>();
  const rows = await storage.query<{ partition_id: bigint; next_offset: bigint }>(
    'SELECT partition_id, next_offset FROM committed_offset WHERE consumer_group = $1',
    [group],
  );
  for (const row of rows) committed.set(row.partition_id, row.next_offset);

  async function commit(partition: Partition, next: bigint): Promise<void> {
    if (committed.get(partition.id) === next) return;
    await storage.transaction(async (tx) => {
      await tx.execute(
        `INSERT INTO committed_offset (consumer_group, partition_id, next_offset) VALUES ($1, $2, $3)
         ON CONFLICT (consumer_group, partition_id) DO UPDATE SET next_offset = excluded.next_offset`,
        [group, partition.id, next],
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
