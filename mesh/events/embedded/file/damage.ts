import type { MeshError } from '../../../errors/mesh-error.ts';
import { recordDamaged } from '../../errors.ts';
import type { Partition } from './partition.ts';

/** DATA_LOSS `STORAGE_CORRUPT`: no event of a partition is delivered from `offset` on, because of `what`. */
export function partitionDamaged(partition: Partition, offset: bigint, what: string, cause?: unknown): MeshError {
  const { file, topic, number } = partition;
  return recordDamaged({ file, topic, partition: number, offset, problem: what }, { cause });
}
