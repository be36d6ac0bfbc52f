import pg from 'pg';
import { applyMigrations, type SchemaTransaction } from '../migrations.ts';
import type { Row, SqlValue, Storage } from '../storage.ts';
import { openChannels } from './channels.ts';
import { acquire, type Connection } from './connection.ts';
import { ensureDatabase } from './create-database.ts';
import { postgresError, unavailableError } from './errors.ts';
import { createLanes } from './lanes.ts';
import { runTransaction } from './run-transaction.ts';
import { createStatementCache } from './statements.ts';
import { valueTypes } from './values.ts';

/** Settings of a PostgreSQL database. */
export interface PostgresOptions {
  /** How many connections are open at most; more calls wait for one. Default 10. */
  readonly poolSize?: number;
  /** How long a call waits for a connection before it fails with `STORAGE_UNAVAILABLE`. Default 5000. */
  readonly connectTimeoutMs?: number;
}

// One key for all sets: services that share a database take turns.
const migrationLock = 7_306_652_135_881_203n;
// A transaction awaits nothing but its statements, so one that idles belongs to a process that is stopped or cut off:
// without an end the rows that it has locked would stay so for hours.
const sessionSettings = [
  'synchronous_commit=on',
  'default_transaction_isolation=read\\ committed',
  'idle_in_transaction_session_timeout=10s',
];

/**
 * Opens the database of `postgres://user:password@host:port/name`, and makes it where it is missing. Fails with
 * UNAVAILABLE `STORAGE_UNAVAILABLE` when the server cannot be reached or refuses the login.
 */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<Storage> {
  const { config, server, location } = read(url, options);
  try {
    await ensureDatabase(config, location);
  } catch (error) {
    throw unavailableError(error, server);
  }
  return createStorage(config, createPool(config, options), server);
}

function createStorage(config: pg.ClientConfig, pool: pg.Pool, server: string): Storage {
  const statements = createStatementCache();
  const gate = createGate(server);

  const connect = async (signal?: AbortSignal): Promise<Connection> => {
    try {
      return await acquire(pool, statements, signal);
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : unavailableError(error, server);
    }
  };
  const read = async <R extends Row>(sql: string, params: readonly SqlValue[]): Promise<R[]> => {
    const connection = await connect();
    try {
      return (await connection.run<R>(sql, params)).rows;
    } catch (error) {
      throw postgresError(error, sql, server);
    } finally {
      connection.release();
    }
  };
  const runInTransaction = <T>(work: (tx: SchemaTransaction) => Promise<T>, signal?: AbortSignal): Promise<T> =>
    gate.enter(() => runTransaction(() => connect(signal), server, work, signal));

  const query = <R extends Row>(sql: string, params: readonly SqlValue[] = []): Promise<R[]> =>
    statements(sql).readsOnly
      ? gate.enter(() => read<R>(sql, params))
      : runInTransaction((tx) => tx.query<R>(sql, params));
  const lanes = createLanes(connect, server);
  const channels = openChannels(config, query);
  return {
    dialect: 'postgres',
    exclusive: false,
    query,
    execute: (sql, params) => runInTransaction((tx) => tx.execute(sql, params)),
    transaction: (work, { signal, lane } = {}) =>
      lane === undefined ? runInTransaction(work, signal) : gate.enter(() => lanes.run(lane, work, signal)),
    migrate: (set, migrations) =>
      runInTransaction(async (tx) => {
        await tx.query('SELECT pg_advisory_xact_lock($1)', [migrationLock]);
        await applyMigrations(tx, 'postgres', set, migrations);
      }),
    notify: channels.notify,
    listen: channels.listen,
    check: async () => void (await query('SELECT 1')),
    close: () => gate.close(async () => void (await Promise.all([channels.close(), pool.end()]))),
  };
}

/** Lets calls in until it is closed, and closes behind those under way. */
function createGate(server: string) {
  const underWay = new Set<Promise<unknown>>();
  let closed: Promise<void> | undefined;
  return {
    async enter<T>(action: () => Promise<T>): Promise<T> {
      if (closed !== undefined) throw unavailableError(new Error('it was closed by this process'), server);
      const running = action();
      underWay.add(running);
      try {
        return await running;
      } finally {
        underWay.delete(running);
      }
    },
    close(last: () => Promise<void>): Promise<void> {
      closed ??= Promise.allSettled(underWay).then(last);
      return closed;
    },
  };
}

function createPool(config: pg.ClientConfig, options: PostgresOptions): pg.Pool {
  const pool = new pg.Pool({ ...config, max: options.poolSize ?? 10, idleTimeoutMillis: 30_000 });
  // A lost connection leaves the pool by itself, and whoever has a statement on it is told by its rejection; without a
  // listener the event would end the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

function read(url: string, options: PostgresOptions) {
  const location = new URL(url);
  const config: pg.ClientConfig = {
    connectionString: url,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5000,
    keepAlive: true,
    // Tells of a server that is gone without a word; the system's own default is two hours.
    keepAliveInitialDelayMillis: 10_000,
    types: valueTypes,
    options: sessionSettings.map((setting) => `-c ${setting}`).join(' '),
    application_name: 'ordermesh',
  };
  return { config, location, server: `${location.host}${location.pathname}` };
}
