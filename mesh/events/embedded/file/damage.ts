import { Status } from 'nice-grpc-common';
import { MeshError } from '../../../errors/mesh-error.ts';
import { recordDamaged } from '../../errors.ts';
import type { Partition } from './partition.ts';

/** DATA_LOSS `STORAGE_CORRUPT`: nothing of a partition is delivered from `offset` on, for `what` is there. */
export function partitionDamaged(partition: Partition, offset: bigint, what: string, cause?: unknown): MeshError {
  const { file, topic, number } = partition;
  return recordDamaged({ file, topic, partition: number, offset, problem: what }, { cause });
}

/** Whether an error says that what is stored is damaged. */
export function isDamage(error: unknown): error is MeshError {
  return error instanceof MeshError && error.code === Status.DATA_LOSS;
}
