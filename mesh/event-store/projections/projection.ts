import type { Transaction } from '../../storage/storage.ts';
import type { RecordedEvent } from '../event-store.ts';

/** A table of a projection, one of whose columns is `generation`. */
export interface ProjectionTable {
  readonly table: string;
  /** The columns that, after `generation`, are its primary key, in that order; of types that both databases compare alike. */
  readonly key: readonly string[];
  /** The other columns. */
  readonly values: readonly string[];
}

/**
 * What is read off events to answer queries. It holds nothing that the events do not say, so it can be thrown away and
 * made again: its rows carry the generation that they belong to, and queries read those of the live one
 * (`liveGeneration`).
 */
export interface Projection {
  /** `account-balances`: unique in its database. */
  readonly name: string;
  /** To be counted up with a change of what it makes of events; it is then made again at the next start. */
  readonly version: number;
  readonly tables: readonly ProjectionTable[];
  /** The most it may be behind before that shows in health, in milliseconds. Default 10,000. */
  readonly maxLagMs?: number;
  /**
   * Writes the effect of events, in their order, to the rows of a generation. It runs in one transaction with the position
   * reached, awaits nothing but that, and takes events of other kinds for none. One that it throws on is tried again by
   * itself, then put aside with all that follows in its stream; the events of other streams go on.
   */
  apply(tx: Transaction, generation: bigint, events: readonly RecordedEvent[]): Promise<void>;
}

/** A projection, as operators see it. Times are in milliseconds since the epoch. */
export interface ProjectionView {
  /** `payment/account-balances`. */
  readonly name: string;
  readonly position: bigint;
  readonly headPosition: bigint;
  /** When the oldest event happened that it does not have in it; `undefined`: it has all. */
  readonly behindSinceMs: number | undefined;
  readonly parkedEvents: number;
  readonly generation: bigint;
  readonly rebuilding: boolean;
}

/** A row in which two generations differ; `undefined`: that one does not have it. */
export interface RowDifference {
  readonly key: string;
  readonly live: string | undefined;
  readonly rebuilt: string | undefined;
}

/** How far a rebuild is. */
export interface RebuildProgress {
  readonly stage: 'replaying' | 'comparing' | 'switched' | 'discarded';
  readonly eventsDone: number;
  readonly eventsTotal: number;
  /** How many events the new one could not take that the live one has in it; in the last message. */
  readonly eventsLacking: number;
  readonly rowsCompared: number;
  readonly rowsDifferent: number;
  /** The first 20, in the last message. */
  readonly differences: readonly RowDifference[];
  /** SHA-256 over all rows, in hexadecimal, in the last message. */
  readonly liveHash: string;
  readonly rebuiltHash: string;
}

/** The projections of one service, or of many as one list, for those who run them. */
export interface ProjectionAdmin {
  list(): Promise<ProjectionView[]>;
  /**
   * Makes a projection again beside the live one, compares them and, unless it is a dry run, lets the new one answer. The
   * new one is thrown away when `signal` aborts, and when it could not take events that the live one has in it:
   * FAILED_PRECONDITION `REBUILD_LACKS_EVENTS`. NOT_FOUND `UNKNOWN_PROJECTION`, FAILED_PRECONDITION `REBUILD_RUNNING`.
   */
  rebuild(name: string, options: { readonly dryRun: boolean }, signal: AbortSignal): AsyncGenerator<RebuildProgress>;
}
