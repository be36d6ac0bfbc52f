import type { Transaction } from '../../storage/storage.ts';
import type { RecordedEvent } from '../event-store.ts';

/**
 * A table of a projection. It has a column `generation` that is the first of its primary key. The projector creates a view
 * of it, `<table>_live`, which shows the rows of the live generation without that column: queries read the view. A
 * migration that drops or renames the table, or one of these columns, drops the view first.
 */
export interface ProjectionTable {
  readonly table: string;
  /** The columns that follow `generation` in the primary key, in order. Their types must compare alike in both databases. */
  readonly key: readonly string[];
  /** The other columns. */
  readonly values: readonly string[];
}

/**
 * A read model: tables that are derived from events to answer queries. It can be rebuilt from the events at any time: its
 * rows carry the generation that they belong to, and one generation is live.
 */
export interface Projection {
  /** `account-balances`: unique in its database. */
  readonly name: string;
  /** Increment it when `apply` changes: the projection is then rebuilt at the next start. */
  readonly version: number;
  readonly tables: readonly ProjectionTable[];
  /** Health reports a projection that has been behind for longer, in milliseconds. Default: 10 s. */
  readonly maxLagMs?: number;
  /**
   * Writes the effect of events, in their order, to the rows of a generation. It runs in the transaction that advances the
   * position, awaits only its statements, and ignores events of other kinds. An event that it throws on is retried alone,
   * then parked with the rest of its stream; other streams continue.
   */
  apply(tx: Transaction, generation: bigint, events: readonly RecordedEvent[]): Promise<void>;
}

/** A projection, as operators see it. Times are in milliseconds since the epoch. */
export interface ProjectionView {
  /** `payment/account-balances`. */
  readonly name: string;
  readonly position: bigint;
  readonly headPosition: bigint;
  /** The time of the oldest event that it does not include; `undefined` if it includes all. */
  readonly behindSinceMs: number | undefined;
  readonly parkedEvents: number;
  readonly generation: bigint;
  readonly rebuilding: boolean;
}

/** A row in which two generations differ; `undefined`: the row is missing in that generation. */
export interface RowDifference {
  readonly key: string;
  readonly live: string | undefined;
  readonly rebuilt: string | undefined;
}

/** The progress of a rebuild. */
export interface RebuildProgress {
  readonly stage: 'replaying' | 'comparing' | 'switched' | 'discarded';
  readonly eventsDone: number;
  /** An upper estimate while it replays, then exact. */
  readonly eventsTotal: number;
  /** How many events the new generation could not apply that the live one includes. In the last message. */
  readonly eventsLacking: number;
  readonly rowsCompared: number;
  readonly rowsDifferent: number;
  /** The first 20. In the last message. */
  readonly differences: readonly RowDifference[];
  /** SHA-256 over all rows, in hexadecimal. In the last message. */
  readonly liveHash: string;
  readonly rebuiltHash: string;
}

/** The projections of one service, or of several as one list, for operators. */
export interface ProjectionAdmin {
  list(): Promise<ProjectionView[]>;
  /**
   * Rebuilds a projection next to the live one, compares the two and, unless it is a dry run, switches to the new one.
   * Discards the new one if `signal` aborts, or if it could not apply events that the live one includes: FAILED_PRECONDITION
   * `REBUILD_LACKS_EVENTS`. Throws NOT_FOUND `UNKNOWN_PROJECTION`, FAILED_PRECONDITION `REBUILD_RUNNING`.
   */
  rebuild(name: string, options: { readonly dryRun: boolean }, signal: AbortSignal): AsyncGenerator<RebuildProgress>;
}
