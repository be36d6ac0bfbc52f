import type { MeshError } from '../errors/mesh-error.ts';
import type { Transaction } from '../storage/storage.ts';
import type { JsonObject } from '../values/json.ts';

/** An event to append. */
export interface StreamEvent {
  /** `MONEY_DEPOSITED`. */
  readonly type: string;
  /** Which shape `data` has, of those that events of this type have had: 1, 2, 3. */
  readonly schemaVersion: number;
  readonly data: JsonObject;
  /** The request that caused it. */
  readonly correlationId: string;
  /** When it happened, in milliseconds since the epoch. */
  readonly timeMs: number;
}

/** An event as it is kept, for ever and unchanged. */
export interface RecordedEvent extends StreamEvent {
  /** Its place among the events of all streams: ascending, in an order in which every reader sees them. */
  readonly position: bigint;
  /** `account-acc1`. */
  readonly stream: string;
  /** Its place in its stream: 1, 2, 3, without a gap. */
  readonly version: bigint;
  /** Why its data cannot be trusted, and is empty: DATA_LOSS `EVENT_CORRUPT`. Only of events that all streams are read for. */
  readonly fault?: MeshError;
}

/** The version that a stream must be at: 0 before its first event; `any`: whatever it is at. */
export type ExpectedVersion = bigint | 'any';

/** Which events of a stream are wanted. */
export interface StreamRange {
  /** Only events after this version. Default 0. */
  readonly after?: bigint;
  /** Only events up to this version. Default: all. */
  readonly upTo?: bigint;
  /** The most events to read. Default: all. */
  readonly limit?: number;
}

/**
 * Streams of events that are only ever added to, in a service's own database. An event that is not as it was written is
 * known by its checksum: reading its stream is refused with DATA_LOSS `EVENT_CORRUPT`, which names it; who reads all
 * streams gets it with its `fault`, so that the others are not kept from them.
 */
export interface EventStore {
  /**
   * Appends to a stream, durably: all events or none. ABORTED `STREAM_CONFLICT` when the stream is not at
   * `expectedVersion` (any more): read it again, and decide again. INVALID_ARGUMENT `EVENT_TOO_LARGE` beyond 1 MiB.
   */
  append(
    stream: string,
    expectedVersion: ExpectedVersion,
    events: StreamEvent | readonly StreamEvent[],
  ): Promise<RecordedEvent[]>;
  /** The same in the caller's transaction, with which the events become durable. */
  appendIn(
    tx: Transaction,
    stream: string,
    expectedVersion: ExpectedVersion,
    events: StreamEvent | readonly StreamEvent[],
  ): Promise<RecordedEvent[]>;
  /** Reads a stream, the oldest event first, page by page. A stream that is not there has no events. */
  read(stream: string, range?: StreamRange, signal?: AbortSignal): AsyncGenerator<RecordedEvent>;
  /** All events of a stream, the oldest first. */
  getEvents(stream: string): Promise<RecordedEvent[]>;
  /**
   * Reads the events of all streams after a position, at most `limit`, the oldest first, each stream's in its order. An
   * event is told of only when no event before it can be committed any more, so that who goes on from the last position
   * misses none. An empty answer: there is none for now.
   */
  readAll(after: bigint, limit: number): Promise<RecordedEvent[]>;
  /** The position of the last event there is, also when `readAll` cannot tell of it yet; 0 when there is none. */
  head(): Promise<bigint>;
  /**
   * Reads all streams after a position, in batches of at most `maxEvents`, and goes on with what comes until `signal`
   * aborts, then ends quietly. Appending wakes it, in this process and in others; it does not poll.
   */
  subscribe(after: bigint, maxEvents: number, signal: AbortSignal): AsyncGenerator<readonly RecordedEvent[]>;
}
