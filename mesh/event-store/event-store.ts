import type { MeshError } from '../errors/mesh-error.ts';
import type { Transaction } from '../storage/storage.ts';
import type { JsonObject } from '../values/json.ts';

/** An event to append. */
export interface StreamEvent {
  /** `MONEY_DEPOSITED`. */
  readonly type: string;
  /** The version of the shape of `data`, per type: 1, 2, 3. */
  readonly schemaVersion: number;
  readonly data: JsonObject;
  /** The request that caused it. */
  readonly correlationId: string;
  /** When it happened, in milliseconds since the epoch. */
  readonly timeMs: number;
}

/** A stored event. It never changes. */
export interface RecordedEvent extends StreamEvent {
  /** Its position among the events of all streams: ascending, and every reader sees the same order. */
  readonly position: bigint;
  /** `account-acc1`. */
  readonly stream: string;
  /** Its position in its stream: 1, 2, 3, without gaps. */
  readonly version: bigint;
  /**
   * Who has made the change, from the call in which it was appended: `user:<subject>`, `service:<name>`, or
   * `service:<name>;user:<subject>`. `undefined` if nobody is known.
   */
  readonly actor?: string | undefined;
  /** DATA_LOSS `EVENT_CORRUPT` if its checksum differs; `data` is then empty. Only set by reads of all streams. */
  readonly fault?: MeshError;
}

/** The version that a stream must have: 0 before its first event; `any` appends at any version. */
export type ExpectedVersion = bigint | 'any';

/** Selects events of a stream. */
export interface StreamRange {
  /** Only events after this version. Default 0. */
  readonly after?: bigint;
  /** Only events up to this version. Default: all. */
  readonly upTo?: bigint;
  /** Maximum number of events. Default: all. */
  readonly limit?: number;
}

/**
 * Append-only streams of events in a service's own database. A checksum detects corrupt events: a read of their stream
 * throws DATA_LOSS `EVENT_CORRUPT`; a read of all streams returns them with a `fault`, so the other events stay readable.
 */
export interface EventStore {
  /**
   * Appends events durably, all or none. Throws ABORTED `STREAM_CONFLICT` if the stream is not at `expectedVersion`: read
   * it again and retry. Throws INVALID_ARGUMENT `EVENT_TOO_LARGE` above 1 MiB per event.
   */
  append(
    stream: string,
    expectedVersion: ExpectedVersion,
    events: StreamEvent | readonly StreamEvent[],
  ): Promise<RecordedEvent[]>;
  /** The same in the caller's transaction. */
  appendIn(
    tx: Transaction,
    stream: string,
    expectedVersion: ExpectedVersion,
    events: StreamEvent | readonly StreamEvent[],
  ): Promise<RecordedEvent[]>;
  /** Reads a stream page by page, the oldest event first. An unknown stream has no events. */
  read(stream: string, range?: StreamRange, signal?: AbortSignal): AsyncGenerator<RecordedEvent>;
  /** Returns all events of a stream, the oldest first. */
  getEvents(stream: string): Promise<RecordedEvent[]>;
  /**
   * Reads the events of all streams after a position, the oldest first, at most `limit`. Returns an event only when no
   * transaction can still commit one before it, so a reader that resumes after the last position misses none. Empty: there
   * are no more for now.
   */
  readAll(after: bigint, limit: number): Promise<RecordedEvent[]>;
  /** Returns the position of the last event, even if `readAll` cannot return it yet; 0 if there are no events. */
  head(): Promise<bigint>;
  /**
   * Reads all streams after a position, in batches of at most `maxEvents`, a number or what returns one for each batch, and
   * continues with new events until `signal` aborts; then it ends without an error. Appends wake it, in this process and in
   * others, so it does not poll. On SQLite, what was just committed is not read back.
   */
  subscribe(
    after: bigint,
    maxEvents: number | (() => number),
    signal: AbortSignal,
  ): AsyncGenerator<readonly RecordedEvent[]>;
}
