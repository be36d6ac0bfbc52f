import type pg from 'pg';
import type { Row, SqlValue } from '../storage.ts';
import { withClient } from './create-database.ts';
import { destroy } from './destroy.ts';
import { kindOf } from './errors.ts';
import type { Pool } from './pool.ts';
import type { StateKind } from './sql-states.ts';
import type { Statement, StatementCache } from './statements.ts';

/** The answer to one statement. */
export interface Result<R extends Row> {
  readonly rows: R[];
  readonly changes: number;
}

/** One connection taken from the pool. Statements reject with the engine's own errors. */
export interface Connection {
  /** Runs a statement, which the signal may cancel: it rejects with the signal's reason then. */
  run<R extends Row>(sql: string, params: readonly SqlValue[], signal?: AbortSignal): Promise<Result<R>>;
  /**
   * Runs one or several statements without parameters, in one message; returns the rows of all of them. A connection on which
   * that failed is not used again.
   */
  script(sql: string): Promise<readonly Row[]>;
  /**
   * Whether it must not be used again: it is lost, a statement on it was cancelled, what it prepared is stale, or its server
   * takes no writes.
   */
  isSpent(): boolean;
  /** Gives it back, or closes it when it must not be used again. */
  release(): void;
}

/** Takes a connection from the pool, unless the signal is aborted before there is one. */
export async function acquire(
  pool: Pool,
  statements: StatementCache,
  signal: AbortSignal | undefined,
): Promise<Connection> {
  return createConnection(pool, await connect(pool, signal), statements);
}

// After these a connection is closed rather than used again.
const spending: ReadonlySet<StateKind> = new Set(['ended', 'stale', 'read-only']);

function createConnection(pool: Pool, client: pg.PoolClient, statements: StatementCache): Connection {
  let spent = false;
  const failed = (error: unknown, statement?: Statement): void => {
    const kind = kindOf(error);
    spent ||= spending.has(kind);
    if (kind === 'read-only') pool.distrust(client);
    if (kind === 'stale' && statement !== undefined) statements.renew(statement);
  };
  return {
    async run<R extends Row>(sql: string, params: readonly SqlValue[], signal?: AbortSignal) {
      const cancellation = cancelOnAbort(pool, client, signal);
      const statement = statements.find(sql);
      try {
        return await runStatement<R>(client, statement.name, sql, params);
      } catch (error) {
        failed(error, statement);
        throw signal?.aborted === true ? signal.reason : error;
      } finally {
        spent = (await cancellation.settled()) || spent;
      }
    },
    async script(sql) {
      try {
        // One result where there is one statement.
        const results: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await client.query<Row>(sql);
        return [results].flat().flatMap(({ rows }) => rows);
      } catch (error) {
        failed(error);
        spent = true;
        throw error;
      }
    },
    isSpent: () => spent,
    release: () => pool.release(client, spent),
  };
}

async function runStatement<R extends Row>(
  client: pg.PoolClient,
  name: string | undefined,
  sql: string,
  params: readonly SqlValue[],
): Promise<Result<R>> {
  const query = { text: sql, values: [...params], ...(name === undefined ? {} : { name }) };
  const { rows, rowCount, command } = await client.query<R>(query);
  return { rows, changes: command === 'SELECT' ? 0 : (rowCount ?? 0) };
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
    // It may still come; whoever waited for it is gone.
    connecting.then(
      (client) => pool.release(client),
      () => undefined,
    );
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

// How long a server has to be reached for a cancellation, and twice as long to end the statement.
const cancelTimeoutMs = 1000;

/** Cancels the statement under way when the signal says so. A server that does not do so loses the connection instead. */
function cancelOnAbort(pool: Pool, client: pg.PoolClient, signal: AbortSignal | undefined) {
  let cancelling: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    cancelling = cancelBackend(pool, client);
    timer = setTimeout(destroy, 2 * cancelTimeoutMs, client);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    /** Whether it was cancelled: a late cancellation must not hit the next user of the connection. */
    async settled(): Promise<boolean> {
      signal?.removeEventListener('abort', onAbort);
      clearTimeout(timer);
      await cancelling;
      return cancelling !== undefined;
    },
  };
}

async function cancelBackend(pool: Pool, client: pg.PoolClient): Promise<void> {
  // pg sets it on every connected client and leaves it out of its types.
  const { processID } = client as pg.PoolClient & { readonly processID: number };
  try {
    const config = { ...pool.config, connectionTimeoutMillis: cancelTimeoutMs, query_timeout: cancelTimeoutMs };
    await withClient(config, (other) => other.query('SELECT pg_cancel_backend($1)', [processID]));
  } catch {
    destroy(client);
  }
}
