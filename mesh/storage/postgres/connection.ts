import type pg from 'pg';
import type { Row, SqlValue } from '../storage.ts';
import { cancelOnAbort } from './cancellation.ts';
import { kindOf, sqlState } from './errors.ts';
import type { Pool } from './pool.ts';
import { processIdOf } from './sessions.ts';
import type { StateKind } from './sql-states.ts';
import { createStatementQueue, NotRun } from './statement-queue.ts';
import type { PreparedStatement, StatementCache } from './statements.ts';
import { toParameter } from './values.ts';

/** The answer to one statement. */
export interface Result<R extends Row> {
  readonly rows: R[];
  readonly changes: number;
}

/** One connection taken from the pool. Statements reject with the engine's own errors. */
export interface Connection {
  /**
   * Runs a statement, after those before it. Those of one turn of the event loop are sent in one message. If the signal cancels
   * it, rejects with the signal's reason; with `NotRun` if one before it failed.
   */
  run<R extends Row>(sql: string, params: readonly SqlValue[], signal?: AbortSignal): Promise<Result<R>>;
  /** Begins a transaction, in the same message as its first statement. Behind a pooler, resolves once it has begun. */
  begin(): Promise<void>;
  /** Runs a statement without parameters in the same message as the next one. If it fails, the next one rejects with `NotRun`. */
  precede(sql: string): void;
  /** Commits, in the same message as the statements that wait; no signal cancels that message. Sends nothing if the transaction had no statement. */
  commit(): Promise<void>;
  /** Rolls back, if the transaction had a statement. */
  rollback(): Promise<void>;
  /**
   * Runs one or several statements without parameters, in one message, while no other runs; returns the rows of all of them. A
   * connection on which that failed is not used again.
   */
  script(sql: string): Promise<readonly Row[]>;
  /**
   * Whether it must not be used again: it is lost, a statement on it was cancelled, what it prepared is stale, or its server
   * accepts no writes.
   */
  isSpent(): boolean;
  /** Gives it back, or closes it if it must not be used again. */
  release(): void;
}

/** Takes a connection from the pool, unless the signal aborts first. */
export async function acquire(
  pool: Pool,
  statements: StatementCache,
  signal: AbortSignal | undefined,
): Promise<Connection> {
  return createConnection(pool, await connect(pool, signal), statements);
}

// When a connection is without a statement that was prepared on it, or has one that was not: the pooler in between keeps none.
const lostStates = new Set(['26000', '42P05']);

// After these a connection is closed, not used again.
const spending: ReadonlySet<StateKind> = new Set(['ended', 'stale', 'read-only']);

function createConnection(pool: Pool, client: pg.PoolClient, statements: StatementCache): Connection {
  const { pooled, begin } = pool.sessions;
  let pid = processIdOf(client);
  let spent = false;
  let preceding: string[] = [];
  // Whether the server has a transaction.
  let isOpen = false;

  const failed = (error: unknown, statement?: PreparedStatement): void => {
    const kind = kindOf(error);
    spent ||= spending.has(kind);
    if (kind === 'read-only') pool.distrust(client);
    if (kind !== 'stale') return;
    if (lostStates.has(sqlState(error) ?? '')) statements.stopNaming();
    else if (statement !== undefined) statements.renew(statement);
  };
  const queue = createStatementQueue(client, {
    cancelOnAbort: (signal) => cancelOnAbort(pool, client, pid, signal),
    cancelled() {
      spent = true;
    },
    failed,
  });
  const takePreceding = (): string[] => {
    const taken = preceding;
    preceding = [];
    isOpen ||= taken.length > 0;
    return taken;
  };
  const control = async (sql: string, isCommit = false): Promise<void> => {
    try {
      const { tag } = await queue.run({ statement: statements.find(sql), params: [], isCommit });
      // The server answers the commit of a failed transaction with ROLLBACK, not with an error.
      if (isCommit && tag !== 'COMMIT') throw new Error(`the server answered COMMIT with ${tag}`);
    } catch (error) {
      spent ||= !(error instanceof NotRun);
      throw error;
    }
  };
  const script = async (sql: string): Promise<Row[]> => {
    try {
      // pg returns a single result for a single statement.
      const results: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await client.query<Row>(
        [...takePreceding(), sql].join('; '),
      );
      return [results].flat().flatMap(({ rows }) => rows);
    } catch (error) {
      failed(error);
      spent = true;
      throw error;
    }
  };
  return {
    async run<R extends Row>(sql: string, params: readonly SqlValue[], signal?: AbortSignal) {
      const values = params.map(toParameter);
      // If one fails, so does the statement.
      for (const before of takePreceding()) control(before).catch(() => undefined);
      const { rows, changes } = await queue.run({ statement: statements.find(sql), params: values, signal });
      return { rows: rows as R[], changes };
    },
    async begin() {
      if (!pooled) return this.precede(begin);
      const rows = await script(begin);
      isOpen = true;
      pid = Number(rows[0]?.pid);
    },
    precede: (sql) => void preceding.push(sql),
    async commit() {
      preceding = [];
      if (isOpen) await control('COMMIT', true);
      isOpen = false;
    },
    async rollback() {
      preceding = [];
      if (isOpen) await script('ROLLBACK');
    },
    script,
    isSpent: () => spent,
    release: () => pool.release(client, spent),
  };
}

async function connect(pool: Pool, signal: AbortSignal | undefined): Promise<pg.PoolClient> {
  signal?.throwIfAborted();
  const connecting = pool.connect();
  if (signal === undefined) return connecting;
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([connecting, aborted.promise]);
  } catch (error) {
    // The connection may still come, but its caller no longer waits for it.
    connecting.then(
      (client) => pool.release(client),
      () => undefined,
    );
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
