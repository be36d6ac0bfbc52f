import { Status } from 'nice-grpc-common';
import { MeshError } from '../../../errors/mesh-error.ts';
import type { Partition } from './partition.ts';

/** DATA_LOSS `STORAGE_CORRUPT`: `what` is damaged in the file of an event log, beside its records. */
export function logDamaged(file: string, what: string, cause?: unknown): MeshError {
  const text = `the event log ${file} is damaged: ${what}; stop this process, restore the whole data folder from a backup, and start it again`;
  return new MeshError(Status.DATA_LOSS, 'STORAGE_CORRUPT', text, { metadata: { file }, cause });
}

/** DATA_LOSS `STORAGE_CORRUPT`: nothing of a partition is delivered from `offset` on, for `what` is there. */
export function partitionDamaged(partition: Partition, offset: bigint, what: string, cause?: unknown): MeshError {
  const { file, topic, number } = partition;
  const text = `the event log ${file} is damaged: offset ${offset} of partition ${number} of ${topic} ${what}, so that partition stops there; stop this process and restore the whole data folder from a backup, or give the event up with: make damaged ARGS='skip ${topic}/${number}/${offset} --note=why'`;
  const metadata = { file, topic, partition: String(number), offset: String(offset) };
  return new MeshError(Status.DATA_LOSS, 'STORAGE_CORRUPT', text, { metadata, cause });
}

/** Whether an error says that what is stored is damaged. */
export function isDamage(error: unknown): error is MeshError {
  return error instanceof MeshError && error.code === Status.DATA_LOSS;
}
