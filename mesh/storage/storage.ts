import type { DatabaseSearch } from './damage-search.ts';

/** A value in a row or a parameter. Integers are returned as `bigint`, for columns of any width. */
export type SqlValue = string | number | bigint | Uint8Array | null;

/** A row, by column name. */
export type Row = Readonly<Record<string, SqlValue>>;

/** The SQL dialect of a database. */
export type Dialect = 'sqlite' | 'postgres';

/** Runs SQL. Parameters are written `$1`, `$2`, ... in both dialects and may be used more than once. */
export interface Queryable {
  /** Runs a statement and returns its rows, including those of `RETURNING`. */
  query<R extends Row = Row>(sql: string, params?: readonly SqlValue[]): Promise<R[]>;
  /** Runs a statement and returns the number of rows that it changed. */
  execute(sql: string, params?: readonly SqlValue[]): Promise<number>;
}

/** An open transaction. A statement that fails fails the transaction, even if `work` catches its error. */
export interface Transaction extends Queryable {
  readonly dialect: Dialect;
  /**
   * Runs an INSERT of one row, and returns the value of its `{{identity}}` column; `undefined` if the row was not added. Only on
   * SQLite. Use `insertRow`, which works on both.
   */
  insert?(sql: string, params: readonly SqlValue[]): Promise<bigint | undefined>;
  /**
   * Runs a statement whose result nobody needs, before the statements that follow. On PostgreSQL it travels with the next one or
   * with the commit, so it costs no way to the server and back, and holds its locks for a shorter time. In a commit group that others
   * share, it is sent at the end of the work. If it fails, so does the transaction.
   */
  defer(sql: string, params?: readonly SqlValue[]): void;
  /**
   * Calls `action` once the transaction is durable, or with `flush` false, committed; never if it is rolled back. It wakes others,
   * so it must not throw.
   */
  afterCommit(action: () => void): void;
}

/** Options of a transaction. */
export interface TransactionOptions {
  /**
   * Cancels the transaction: the current statement ends where the engine can do that, and nothing is committed. It does not
   * cancel a commit that was sent to the server.
   */
  readonly signal?: AbortSignal;
  /**
   * commitGroup is the key of a commit group. Transactions of a group that wait at the same time, in this process, run one
   * after another and share a commit; one that throws is rolled back, and fails, alone. Use it for rows that many change at a
   * time, and name the group after them. Work that awaits anything but its own statements is refused
   * (`TRANSACTION_AWAITED_OUTSIDE`); once its work and its statements are done, no signal cancels it. SQLite runs all
   * transactions like this, in any group or none. Default: none.
   */
  readonly commitGroup?: string;
  /**
   * Whether it resolves only once it is on the disk. Default: true. A crash of the machine may undo one that does not wait,
   * but never one that waits, nor any that was committed before that. What others wrote, and it may have seen, is waited for in
   * any case. Use it for rows that can be rebuilt. PostgreSQL always waits: there it does not block the process.
   */
  readonly flush?: boolean;
}

/**
 * A change of a schema. `sql` may have several statements, in the subset that SQLite and PostgreSQL share: TEXT, BIGINT, BYTEA,
 * `ON CONFLICT`, `RETURNING`, partial indexes. `{{identity}}` is the type of an ascending BIGINT primary key. Deferred
 * constraints are not allowed, because they fail at the commit, which is shared.
 */
export interface Migration {
  /** `0001-init`: unique in its set. A set is applied in the order of its names. */
  readonly name: string;
  readonly sql: string;
  /**
   * Skips it on the other database. Use it for an index that only earlier versions need: these may use a PostgreSQL database
   * at the same time, but never a SQLite file. Default: both have it.
   */
  readonly only?: Dialect;
}

/**
 * The database of one service. What the result or the error of a transaction or a read shows is on the disk, unless it was
 * written without `flush`. While the database cannot be reached or written, calls fail with UNAVAILABLE
 * (`STORAGE_UNAVAILABLE`, `STORAGE_FULL`); they work again without a restart once it can. A database that refuses this user or
 * does not have what this program needs is UNAVAILABLE `STORAGE_MISCONFIGURED`, a damaged one DATA_LOSS `STORAGE_CORRUPT`.
 * None of these four says anything about the requested work.
 * A SQLite file accepts nothing more until the process restarts if it was deleted, moved or replaced (UNAVAILABLE
 * `STORAGE_LOST`), or if its disk failed to write a commit (UNAVAILABLE `STORAGE_FLUSH_FAILED`), whose outcome is unknown then.
 */
export interface Storage extends Queryable {
  readonly dialect: Dialect;
  /** Whether no other process can use this database now, so what an earlier process held is free to take. */
  readonly exclusive: boolean;
  /**
   * Runs `work` and commits, or rolls back if it throws; returns its result or throws its error. `work` must await only its own
   * statements, because others wait for it. Transactions of one turn share a commit; one that throws does not affect the
   * others. After a deadlock or serialization failure `work` runs again from its start, at most six times, and then fails with
   * UNAVAILABLE `STORAGE_CONTENTION`. If the connection is lost during the commit, its outcome is unknown: UNAVAILABLE
   * `STORAGE_OUTCOME_UNKNOWN`. A writing statement outside of a transaction runs in an implicit one.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Applies the missing migrations of a set, once, even if several processes start at the same time. */
  migrate(set: string, migrations: readonly Migration[]): Promise<void>;
  /**
   * Calls the listeners on `channel` of this database, in this process and in others, some time after it returns. Call it in
   * `afterCommit`: within a transaction others would look too early. A notification carries nothing and may be lost; it only
   * wakes those who look for themselves. Throws a RangeError unless `channel` has 1 to 63 lower-case letters and underscores.
   */
  notify(channel: string): void;
  /**
   * Calls `listener`, which must not throw, after a `notify`, and whenever notifications may have been lost. Several may be
   * merged into one call. The returned function ends that, and so does `close`.
   */
  listen(channel: string, listener: () => void): () => void;
  /**
   * Resolves if the database accepts a small write; rejects with what is wrong. Concurrent calls share one check. Each check
   * records the time, and how far the rows have aged (`openAgingClock`).
   */
  check(): Promise<void>;
  /** Searches everything that is stored for damage. Only if this process alone is responsible for the files. */
  readonly searchDamage?: DatabaseSearch;
  /**
   * Waits for open transactions, on PostgreSQL for 8 s at most, then closes. Rejects with `STORAGE_FLUSH_FAILED` if the disk of a
   * SQLite file failed to write: then the next start reads what is left in its log.
   */
  close(): Promise<void>;
}
