/** Where a partition ends: what the next record continues. */
export interface Head {
  /** The offset of the next record. */
  readonly offset: bigint;
  /** The latest time that the partition has reached, in milliseconds since the epoch. */
  readonly reachedMs: bigint;
  /** How many bytes were written before the next record. */
  readonly bytes: bigint;
}

/** A partition as the process knows it. The process is alone with the file, so that memory and file agree. */
export interface Partition {
  readonly id: bigint;
  readonly topic: string;
  readonly number: number;
  /** The oldest offset that is kept. */
  start: bigint;
  head: Head;
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
