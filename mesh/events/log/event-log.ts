import type { DamageSearch } from '../../storage/damage-search.ts';

/** An event to append. */
export interface NewEvent {
  readonly topic: string;
  /** Events with the same key share a partition (murmur2, as the Java client of Kafka) and stay in order. */
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Uint8Array;
  /** When it happened, in milliseconds since the epoch. */
  readonly timeMs: number;
}

/** Where an event lies. */
export interface EventPosition {
  readonly partition: number;
  readonly offset: bigint;
}

/** An event as it lies in the log. */
export interface StoredEvent extends NewEvent, EventPosition {}

export interface TopicInfo {
  readonly name: string;
  readonly partitions: number;
}

/** Where reading starts: an end of the topic, an offset for each partition (missing ones: their beginning), or a time. */
export type StartPosition =
  | { readonly at: 'beginning' }
  | { readonly at: 'latest' }
  | { readonly at: 'offsets'; readonly offsets: ReadonlyMap<number, bigint> }
  | { readonly at: 'time'; readonly timeMs: number };

/** Waits as `wait` does, and may let others work meanwhile. */
export type Idle = (wait: () => Promise<void>) => Promise<void>;

export interface ConsumeOptions {
  /** Members of a group share the partitions of its topics; each group sees every event. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Where a group starts that has no committed offset yet. Default: `beginning`. */
  readonly start?: 'beginning' | 'latest';
  /**
   * Has its effect, durably, and resolves; only then is the offset committed. While it rejects, the event is handed over
   * again after a growing delay and its partition waits. Events of one partition come one at a time, in order;
   * partitions run side by side. `signal` aborts when the member is stopping, or another process gets the partition: who
   * waits then rejects, and whoever has the partition next is handed the event again.
   */
  readonly handle: (event: StoredEvent, signal: AbortSignal) => Promise<void>;
}

/** A member of a group at work. */
export interface LogConsumer {
  /**
   * Rejects while a partition stands still and others go on: with DATA_LOSS `PARTITION_UNREADABLE` because what lies there is
   * damaged, with UNAVAILABLE because its broker has not given it for several seconds.
   */
  check(): Promise<void>;
  /** Finishes what is under way, commits it, and leaves the group, whose other members take over. */
  stop(): Promise<void>;
}

/**
 * A partitioned, replayable log of events: at least once, in order per key. `publish` resolves when the events are
 * durable. An unreachable log rejects with UNAVAILABLE `EVENTS_UNAVAILABLE`.
 */
export interface EventLog {
  /** Creates the topic unless it is there; the partition count of an existing topic is left as it is. */
  ensureTopic(name: string, options?: { readonly partitions?: number; readonly retentionMs?: number }): Promise<void>;
  topics(): Promise<TopicInfo[]>;
  /** Appends in the given order; the answer has the same order. NOT_FOUND `UNKNOWN_TOPIC` when a topic is missing. */
  publish(events: readonly NewEvent[]): Promise<EventPosition[]>;
  consume(options: ConsumeOptions): Promise<LogConsumer>;
  /**
   * Reads without a group, in order within each partition, and goes on with what comes until `signal` aborts (then it
   * ends quietly), also in partitions that are added meanwhile. It reads ahead by a bounded number of events, so a slow
   * reader holds back only itself. An offset that retention has removed starts at the oldest that is kept. DATA_LOSS
   * `PARTITION_UNREADABLE` names topic, partition and offset of what is damaged: nothing behind it is delivered.
   * While there is nothing to read it waits within `idle`.
   */
  read(topic: string, from: StartPosition, signal: AbortSignal, idle?: Idle): AsyncIterable<StoredEvent>;
  /** Compares all that is stored with its checksums; only where this process alone is responsible for the files. */
  readonly searchDamage?: DamageSearch;
  /** The offset of the next event of each partition. */
  endOffsets(topic: string): Promise<Map<number, bigint>>;
  /** Resolves while it takes and gives events. */
  check(): Promise<void>;
  /**
   * Rejects while a partition is known to be damaged: it stands still there, and all others go on. A log that does not keep
   * the events itself knows of what the consumers of this process cannot read (`EventConsumer`), and rejects as they do.
   */
  checkPartitions(): Promise<void>;
  close(): Promise<void>;
}
