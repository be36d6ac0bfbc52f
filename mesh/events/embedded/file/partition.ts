import type { MeshError } from '../../../errors/mesh-error.ts';

/** Where a partition ends: what the next record continues. */
export interface Head {
  /** The offset of the next record. */
  readonly offset: bigint;
  /** The latest time that the partition has reached, in milliseconds since the epoch. */
  readonly reachedMs: bigint;
  /** How many bytes were written before the next record. */
  readonly bytes: bigint;
}

/** A record that cannot be delivered. */
export interface Damage {
  readonly offset: bigint;
  readonly error: MeshError;
}

/** A partition as the process knows it. The process is alone with the file, so that memory and file agree. */
export interface Partition {
  readonly id: bigint;
  /** The file of the log. */
  readonly file: string;
  readonly topic: string;
  readonly number: number;
  /** The oldest offset that is kept. */
  start: bigint;
  head: Head;
  /** The first of its records that was found damaged; `undefined`: none. */
  damage: Damage | undefined;
  /** Called after records have been appended. */
  readonly listeners: Set<() => void>;
}

/** A topic as the process knows it. */
export interface Topic {
  readonly name: string;
  retentionMs: number;
  /** By number. */
  readonly partitions: readonly Partition[];
}
