import pg from 'pg';
import type { Row, SqlValue } from '../storage.ts';
import { withClient } from './create-database.ts';
import { kindOf, sqlState } from './errors.ts';
import { PoolExhausted } from './hints.ts';
import { processIdOf, type Sessions } from './sessions.ts';
import type { StateKind } from './sql-states.ts';
import type { PreparedStatement, StatementCache } from './statements.ts';

/** The connections to a server. */
export interface Pool {
  readonly sessions: Sessions;
  /** Takes a connection that is not in use, or opens one. Rejects if none becomes free in time. */
  connect(): Promise<pg.PoolClient>;
  /** Gives a connection back. Closes it if it is `spent`, or if its server was found to be the wrong one. */
  release(client: pg.PoolClient, spent?: boolean): void;
  /** Leaves the server of this connection, which accepts no writes, unless it was left since the connection was opened. */
  distrust(client: pg.PoolClient): void;
  /** Uses none of its connections again, so new ones go to the server that the address leads to by then. */
  leave(): void;
  /** As `leave`, and closes connections in use, for a server that is silent. Their statements fail as with a lost connection. */
  abandon(): void;
  /** Closes the connections once they are given back. */
  end(): Promise<void>;
}

/** Makes a pool of at most `size` connections. `onLeave` is called when its server is left. */
export function createPool(sessions: Sessions, size: number, onLeave: () => void): Pool {
  const pool = new pg.Pool({ ...sessions.config, max: size, idleTimeoutMillis: 30_000 });
  // Connections of one era were opened between two findings that the server is the wrong one.
  const eras = new WeakMap<pg.PoolClient, number>();
  let era = 0;
  const inUse = new Set<pg.PoolClient>();
  const isTrusted = (client: pg.PoolClient): boolean => eras.get(client) === era;
  const leave = (): void => {
    era += 1;
    onLeave();
  };
  // A lost connection leaves the pool by itself, and the caller of its statement gets a rejection. Without a listener the
  // event would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => {
    eras.set(client, era);
    client.on('error', () => undefined);
  });
  const take = async (): Promise<pg.PoolClient> => {
    const startMs = performance.now();
    try {
      return await pool.connect();
    } catch (error) {
      // The pool reports a server that does not answer and connections that do not become free with the same text.
      if (inUse.size < size) throw error;
      throw new PoolExhausted(size, Math.round((performance.now() - startMs) / 100) * 100);
    }
  };
  return {
    sessions,
    async connect() {
      for (;;) {
        const client = await take();
        if (isTrusted(client)) {
          inUse.add(client);
          return client;
        }
        client.release(true);
      }
    },
    release(client, spent = false) {
      inUse.delete(client);
      client.release(spent || !isTrusted(client));
    },
    distrust(client) {
      // Other connections that were opened before the server was left report the same.
      if (isTrusted(client)) leave();
    },
    leave,
    abandon() {
      leave();
      for (const client of inUse) destroy(client);
    },
    end: () => pool.end(),
  };
}

/** Closes a connection without notifying the server, which may be gone. */
export function destroy(client: pg.ClientBase): void {
  const { connection } = client as pg.ClientBase & { readonly connection: { readonly stream: { destroy(): void } } };
  connection.stream.destroy();
}

/** The answer to one statement. */
export interface Result<R extends Row> {
  readonly rows: R[];
  readonly changes: number;
}

/** One connection taken from the pool. Statements reject with the engine's own errors. */
export interface Connection {
  /** Runs a statement. If the signal cancels it, rejects with the signal's reason. */
  run<R extends Row>(sql: string, params: readonly SqlValue[], signal?: AbortSignal): Promise<Result<R>>;
  /** Begins a transaction, and runs `sql` in the same message. */
  begin(sql?: string): Promise<void>;
  /**
   * Runs one or several statements without parameters, in one message; returns the rows of all of them. A connection on which
   * that failed is not used again.
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
  const failed = (error: unknown, statement?: PreparedStatement): void => {
    const kind = kindOf(error);
    spent ||= spending.has(kind);
    if (kind === 'read-only') pool.distrust(client);
    if (kind !== 'stale') return;
    if (lostStates.has(sqlState(error) ?? '')) statements.stopNaming();
    else if (statement !== undefined) statements.renew(statement);
  };
  const script = async (sql: string): Promise<Row[]> => {
    try {
      // pg returns a single result for a single statement.
      const results: pg.QueryResult<Row> | pg.QueryResult<Row>[] = await client.query<Row>(sql);
      return [results].flat().flatMap(({ rows }) => rows);
    } catch (error) {
      failed(error);
      spent = true;
      throw error;
    }
  };
  return {
    async run<R extends Row>(sql: string, params: readonly SqlValue[], signal?: AbortSignal) {
      const cancellation = cancelOnAbort(pool, client, pid, signal);
      const statement = statements.find(sql);
      try {
        return await runStatement<R>(client, statement, params);
      } catch (error) {
        failed(error, statement);
        throw signal?.aborted === true ? signal.reason : error;
      } finally {
        spent = (await cancellation.settled()) || spent;
      }
    },
    async begin(sql) {
      const rows = await script(sql === undefined ? begin : `${begin}; ${sql}`);
      if (pooled) pid = Number(rows[0]?.pid);
    },
    script,
    isSpent: () => spent,
    release: () => pool.release(client, spent),
  };
}

async function runStatement<R extends Row>(
  client: pg.PoolClient,
  { name, text }: PreparedStatement,
  params: readonly SqlValue[],
): Promise<Result<R>> {
  const query = { text, values: [...params], ...(name === undefined ? {} : { name }) };
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

// How long the server has to accept a cancellation, and twice as long to end the statement.
const cancelTimeoutMs = 1000;

/** Cancels the statement in progress when the signal aborts. If the server does not obey, closes the connection. */
function cancelOnAbort(pool: Pool, client: pg.PoolClient, pid: number, signal: AbortSignal | undefined) {
  let cancelling: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    cancelling = cancelBackend(pool, client, pid);
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

async function cancelBackend(pool: Pool, client: pg.PoolClient, pid: number): Promise<void> {
  try {
    const config = {
      ...pool.sessions.config,
      connectionTimeoutMillis: cancelTimeoutMs,
      query_timeout: cancelTimeoutMs,
    };
    await withClient(config, (other) => other.query('SELECT pg_cancel_backend($1)', [pid]));
  } catch {
    destroy(client);
  }
}
