import type { DatabaseSearch } from './damage-search.ts';

/** A value in a row or a parameter. Integers come back as `bigint`, whatever their column's width. */
export type SqlValue = string | number | bigint | Uint8Array | null;

/** A row, by column name. */
export type Row = Readonly<Record<string, SqlValue>>;

/** The SQL dialect of a database. */
export type Dialect = 'sqlite' | 'postgres';

/** Where SQL can be run. Parameters are written `$1`, `$2`, ... in both dialects and may be used more than once. */
export interface Queryable {
  /** Runs a statement and returns its rows, also those of `RETURNING`. */
  query<R extends Row = Row>(sql: string, params?: readonly SqlValue[]): Promise<R[]>;
  /** Runs a statement and returns how many rows it changed. */
  execute(sql: string, params?: readonly SqlValue[]): Promise<number>;
}

/** A transaction under way. A statement that failed has failed the transaction, also when `work` catches its error. */
export interface Transaction extends Queryable {
  readonly dialect: Dialect;
  /** Calls `action` once the transaction is durable; never when it is rolled back. For waking others, so it must not throw. */
  afterCommit(action: () => void): void;
}

/** What may be asked of a transaction. */
export interface TransactionOptions {
  /** Ends the wait: the statement under way is cancelled where the engine can, and nothing is committed. */
  readonly signal?: AbortSignal;
  /**
   * Transactions of one lane that wait at the same time, in this process, run one after another and share a commit; one
   * that throws is undone, and fails, alone. For what many change at a time and would otherwise wait for, or collide on:
   * the lane is named after it. Work that awaits anything else is refused (`TRANSACTION_AWAITED_OUTSIDE`); once it is done
   * no signal ends it any more. Default: none. SQLite runs all transactions so, whatever their lane.
   */
  readonly commitGroup?: string;
}

/**
 * A change of a schema. `sql` may hold several statements, in the subset that SQLite and PostgreSQL share: TEXT, BIGINT,
 * BYTEA, `ON CONFLICT`, `RETURNING`, partial indexes; `{{identity}}` stands for the type of an ascending BIGINT primary
 * key. No deferred constraints: they fail at the commit, which others share.
 */
export interface Migration {
  /** `0001-init`: unique in its set; sets are applied in the order of their names. */
  readonly name: string;
  readonly sql: string;
}

/**
 * A database of one service. A transaction that resolved is durable (SQLite `synchronous=FULL`, PostgreSQL
 * `synchronous_commit=on`). When the engine cannot be reached or cannot write, calls fail with UNAVAILABLE
 * (`STORAGE_UNAVAILABLE`, `STORAGE_FULL`), and work again without a restart once it can. One that refuses this user or lacks
 * what this program needs is UNAVAILABLE `STORAGE_MISCONFIGURED`, a damaged one DATA_LOSS `STORAGE_CORRUPT`: of these four
 * none says anything about the work that was asked for.
 * A SQLite file that was deleted, moved or replaced takes nothing more until the process is started again: UNAVAILABLE
 * `STORAGE_LOST`.
 */
export interface Storage extends Queryable {
  readonly dialect: Dialect;
  /** Whether no other process can be using this database now: what an earlier process held is then free to take. */
  readonly exclusive: boolean;
  /**
   * Runs `work` and commits, or rolls back when it throws, and passes its result or error on. `work` awaits nothing but
   * the transaction's own calls: others wait behind it. Transactions of one turn share a commit; one that throws takes
   * no other down with it. On a deadlock or serialization failure `work` is run again from its start, six runs in all,
   * then it is UNAVAILABLE `STORAGE_CONTENTION`. When the connection is lost during the commit nobody can say whether it
   * was done: UNAVAILABLE `STORAGE_OUTCOME_UNKNOWN`. A statement outside that writes is a transaction of its own.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Applies what is missing of a set, once, also with several processes starting at a time. */
  migrate(set: string, migrations: readonly Migration[]): Promise<void>;
  /**
   * Calls everyone who listens on `channel` of this database, in this process and in others, some time after it returns:
   * for `afterCommit`, as within a transaction others would look too early. A call may be lost: it wakes those who look
   * for themselves, and carries nothing. Throws a RangeError when `channel` is not small letters and underscores, 63 at most.
   */
  notify(channel: string): void;
  /**
   * Calls `heard`, which must not throw, after a `notify`, several perhaps as one, and whenever calls may have been lost.
   * Returns how to end that; `close` ends it too.
   */
  listen(channel: string, heard: () => void): () => void;
  /**
   * Resolves when the database takes writes, which it finds out with a small one; rejects with what is wrong. Calls that come
   * while one is under way share it. Each notes the time, and how far the rows have aged (`openAgingClock`).
   */
  check(): Promise<void>;
  /** Looks at all that is stored; only where this process alone is responsible for the files. */
  readonly searchDamage?: DatabaseSearch;
  /** Waits for transactions under way, on PostgreSQL for 8 s at most, then closes. */
  close(): Promise<void>;
}
