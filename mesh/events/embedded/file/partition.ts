import type { MeshError } from '../../../errors/mesh-error.ts';
import type { RecentEvents } from '../../log/recent-events.ts';

/** The end of a partition, where the next record is appended. */
export interface Head {
  /** The offset of the next record. */
  readonly offset: bigint;
  /** The latest time that the partition has reached, in milliseconds since the epoch. */
  readonly reachedMs: bigint;
  /** The number of bytes before the next record. */
  readonly bytes: bigint;
}

/** A record that cannot be delivered. */
export interface Damage {
  readonly offset: bigint;
  readonly error: MeshError;
}

/** A partition in memory. Only this process uses the file, so memory and file agree. */
export interface Partition {
  readonly id: bigint;
  /** The file of the log. */
  readonly file: string;
  readonly topic: string;
  readonly number: number;
  /** The oldest kept offset. */
  start: bigint;
  head: Head;
  /** The first damaged record that was found; `undefined` if none. */
  damage: Damage | undefined;
  /** The last records before `head`, kept while somebody reads the partition. */
  readonly recent: RecentEvents;
  /** Called after records were appended: consumers. */
  readonly listeners: Set<() => void>;
  /** Called after the listeners: readers without a group, of which there may be thousands. */
  readonly readers: Set<() => void>;
}

/** A topic in memory. */
export interface LogTopic {
  readonly name: string;
  retentionMs: number;
  /** By number. */
  readonly partitions: readonly Partition[];
}
