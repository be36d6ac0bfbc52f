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

/** The position of an event in its topic. */
export interface EventPosition {
  readonly partition: number;
  readonly offset: bigint;
}

/** An event in the log. */
export interface StoredEvent extends NewEvent, EventPosition {}

export interface TopicInfo {
  readonly name: string;
  readonly partitions: number;
}

/** Partitions and retention of a topic. Default: 12 partitions, 7 days. */
export interface TopicDefaults {
  readonly partitions?: number;
  readonly retentionMs?: number;
}

/** Where reading starts: at an end of the topic, at offsets (partitions without one: at their beginning), or at a time. */
export type StartPosition =
  | { readonly at: 'beginning' }
  | { readonly at: 'latest' }
  | { readonly at: 'offsets'; readonly offsets: ReadonlyMap<number, bigint> }
  | { readonly at: 'time'; readonly timeMs: number };

/** Runs `wait`, and may let others work meanwhile. */
export type Idle = (wait: () => Promise<void>) => Promise<void>;

export interface ConsumeOptions {
  /** Members of a group share the partitions of its topics. Each group receives every event. */
  readonly group: string;
  readonly topics: readonly string[];
  /** Where a group without committed offsets starts. Default: `beginning`. */
  readonly start?: 'beginning' | 'latest';
  /**
   * Resolves when its effect is durable; only then is the offset committed. While it rejects, the event is delivered again
   * after a growing delay and its partition waits. Events of one partition are delivered one at a time, in order, unless
   * `concurrency` is set; partitions run in parallel. `signal` aborts when the member stops or another process gets the
   * partition. A waiting handler must reject then, and the next owner of the partition is given the event again.
   */
  readonly handle: (event: StoredEvent, signal: AbortSignal) => Promise<void>;
  /**
   * How many events of a partition are delivered at a time, at most. Calls begin in order, and the offset is that of the first
   * event that is not handled. Default: 1.
   */
  readonly concurrency?: number | undefined;
}

/** A running member of a group. */
export interface LogConsumer {
  /**
   * Rejects while one partition makes no progress and others do: with DATA_LOSS `PARTITION_UNREADABLE` if its data is damaged,
   * with UNAVAILABLE if its broker has not answered for several seconds.
   */
  check(): Promise<void>;
  /** Finishes the events in progress, commits them and leaves the group. Other members take over. */
  stop(): Promise<void>;
}

/**
 * A partitioned, replayable log of events. Delivers at least once and in order per key. While the log cannot be reached, calls
 * reject with UNAVAILABLE `EVENTS_UNAVAILABLE`.
 */
export interface EventLog {
  /** Creates the topic if it does not exist. The partitions of an existing topic are not changed. */
  ensureTopic(name: string, options?: TopicDefaults): Promise<void>;
  /** Returns all topics in the order of their names. */
  topics(): Promise<TopicInfo[]>;
  /**
   * Appends events and resolves with their positions, in the given order, when they are durable. Rejects with NOT_FOUND
   * `UNKNOWN_TOPIC` if a topic does not exist.
   */
  publish(events: readonly NewEvent[]): Promise<EventPosition[]>;
  consume(options: ConsumeOptions): Promise<LogConsumer>;
  /**
   * Reads without a group, in order within each partition, and continues with new events, even in partitions that are added
   * later. Ends without an error when `signal` aborts. It reads ahead by a bounded number of events, so a slow reader delays
   * only itself. Reading from an offset that retention has removed starts at the oldest kept event. So does an offset after the
   * end: the topic has lost events or was created again, and the reader has missed what came since. The same holds for the
   * committed offset of a group. Throws DATA_LOSS `PARTITION_UNREADABLE` with topic, partition and offset of damaged data; later
   * events of that partition are not delivered. While there is nothing to read, it waits within `idle`.
   */
  read(topic: string, from: StartPosition, signal: AbortSignal, idle?: Idle): AsyncIterable<StoredEvent>;
  /** Compares stored data with its checksums. Only if this process alone is responsible for the files. */
  readonly searchDamage?: DamageSearch;
  /** Returns the offset of the next event of each partition. */
  endOffsets(topic: string): Promise<Map<number, bigint>>;
  /** Returns the offset in each partition at which `read` would start. */
  offsetsAt(topic: string, from: StartPosition): Promise<Map<number, bigint>>;
  /** Returns the offset at which a group continues in each partition; without those in which it has not begun. */
  committedOffsets(group: string, topic: string): Promise<Map<number, bigint>>;
  /** Resolves while events can be published and read. */
  check(): Promise<void>;
  /**
   * Rejects while a partition is known to be damaged. It makes no progress then, and all others continue. A log whose events
   * are stored elsewhere knows only what the consumers of this process cannot read, and rejects as they do.
   */
  checkPartitions(): Promise<void>;
  close(): Promise<void>;
}
