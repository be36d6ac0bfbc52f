import { isDataLoss } from '../../../errors/codes.ts';
import type { MeshError } from '../../../errors/mesh-error.ts';
import type { Storage } from '../../../storage/storage.ts';
import { type ReadLimits, readBatch } from '../consume/reader.ts';
import type { Partition } from '../file/partition.ts';
import { offsetOf, recordId } from '../file/schema.ts';

/** Records of a partition that cannot be delivered. */
export interface DamagedStretch {
  readonly partition: Partition;
  readonly from: bigint;
  /** The offset after the last one; `undefined` if the database cannot tell. */
  readonly to: bigint | undefined;
  readonly error: MeshError;
}

const step: ReadLimits = { maxEvents: 100, maxBytes: 1024 * 1024 };

/**
 * Reads a whole partition in steps of 100 records and yields its damaged ranges. `examined` is called with the count of
 * each step. A record that the database cannot read ends the search.
 */
export async function* findDamage(
  storage: Storage,
  partition: Partition,
  examined: (records: number) => void | Promise<void>,
): AsyncGenerator<DamagedStretch> {
  let offset = partition.start;
  while (offset < partition.head.offset) {
    try {
      const { next } = await readBatch(storage, partition, offset, step);
      await examined(Number(next - offset));
      offset = next;
    } catch (error) {
      if (!isDataLoss(error)) throw error;
      const to = await endOfDamage(storage, partition, offset);
      yield { partition, from: offset, to, error };
      if (to === undefined) return;
      offset = to;
    }
  }
}

/** Returns where the records continue; `undefined` if the database cannot tell. */
async function endOfDamage(storage: Storage, partition: Partition, offset: bigint): Promise<bigint | undefined> {
  const { id, head } = partition;
  try {
    const [row] = await storage.query<{ id: bigint }>(
      'SELECT id FROM record WHERE id >= $1 AND id < $2 ORDER BY id LIMIT 1',
      [recordId(id, offset), recordId(id, head.offset)],
    );
    if (row === undefined) return head.offset;
    return offsetOf(row.id) === offset ? offset + 1n : offsetOf(row.id);
  } catch (error) {
    if (isDataLoss(error)) return undefined;
    throw error;
  }
}
