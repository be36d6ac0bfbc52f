import type pg from 'pg';
import { type Clock, systemClock } from '../../time/clock.ts';
import { applyMigrations, type SchemaTransaction } from '../migrations.ts';
import { prepare } from '../prepare.ts';
import type { Row, SqlValue, Storage } from '../storage.ts';
import { createWriteCheck, type WriteOnce } from '../write-check.ts';
import { openChannels } from './channels.ts';
import { acquire, type Connection } from './connection.ts';
import { ensureDatabase } from './create-database.ts';
import { connectError, corruptError, mayRunAgain, postgresError } from './errors.ts';
import { createGate } from './gate.ts';
import { createLanes } from './lanes.ts';
import { createPool, type Pool } from './pool.ts';
import { runTransaction } from './run-transaction.ts';
import { waitBeforeRunningAgain } from './serialization-retry.ts';
import { createStatementCache } from './statements.ts';
import { valueTypes } from './values.ts';
import { withNumbers, writeOnce } from './write-once.ts';

/** Settings of a PostgreSQL database. */
export interface PostgresOptions {
  /** How many connections are open at most; more calls wait for one. Default 10. */
  readonly poolSize?: number;
  /** What `check` notes the time of, and rows age by. Default: the machine's. */
  readonly clock?: Clock;
  /**
   * How long a check waits for the server's answer, which it gives after 4 s at the latest, and `close` for what is under way,
   * before all connections are closed: nobody says that a server is gone whose machine is. Default 8000.
   */
  readonly silentAfterMs?: number;
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
 * UNAVAILABLE `STORAGE_UNAVAILABLE` when the server cannot be reached, and `STORAGE_MISCONFIGURED` when it refuses the login.
 */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<Storage> {
  const { config, server, location } = read(url, options);
  try {
    await ensureDatabase(config, location);
  } catch (error) {
    throw connectError(error, server);
  }
  return await prepare(createStorage(config, options, server), options.clock ?? systemClock);
}

function createStorage(
  config: pg.ClientConfig,
  { poolSize, clock = systemClock, silentAfterMs = 8000 }: PostgresOptions,
  server: string,
): Storage {
  const pool = createPool(config, poolSize, () => channels.reconnect());
  // Its own, so that it is no fault of the server when all of the pool are in use.
  const checks = createPool(config, 1, pool.leave);
  const statements = createStatementCache();
  const abandonAll = (): void => {
    checks.abandon();
    pool.abandon();
  };
  const gate = createGate(server, silentAfterMs, abandonAll);

  const connectFrom = async (from: Pool, signal?: AbortSignal): Promise<Connection> => {
    try {
      return await acquire(from, statements, signal);
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : connectError(error, server);
    }
  };
  const connect = (signal?: AbortSignal): Promise<Connection> => connectFrom(pool, signal);
  const read = async <R extends Row>(sql: string, params: readonly SqlValue[]): Promise<R[]> => {
    for (let attempts = 1; ; attempts += 1) {
      const connection = await connect();
      let failure: unknown;
      try {
        return (await connection.run<R>(sql, params)).rows;
      } catch (error) {
        failure = error;
      } finally {
        connection.release();
      }
      if (!mayRunAgain(failure)) throw postgresError(failure, sql, server);
      await waitBeforeRunningAgain(failure, server, attempts);
    }
  };
  const write: WriteOnce = (sql, params) =>
    gate.enter(async () =>
      writeOnce(await connectFrom(checks), withNumbers(sql, params), server, { silentAfterMs, onSilent: abandonAll }),
    );
  const runInTransaction = <T>(work: (tx: SchemaTransaction) => Promise<T>, signal?: AbortSignal): Promise<T> =>
    gate.enter(() => runTransaction(() => connect(signal), server, work, signal));

  const query = <R extends Row>(sql: string, params: readonly SqlValue[] = []): Promise<R[]> =>
    statements.find(sql).readsOnly
      ? gate.enter(() => read<R>(sql, params))
      : runInTransaction((tx) => tx.query<R>(sql, params));
  const lanes = createLanes(connect, server);
  const channels = openChannels(config, query);
  return {
    dialect: 'postgres',
    exclusive: false,
    query,
    execute: (sql, params) => runInTransaction((tx) => tx.execute(sql, params)),
    transaction: (work, { signal, commitGroup } = {}) =>
      commitGroup === undefined
        ? runInTransaction(work, signal)
        : gate.enter(() => lanes.run(commitGroup, work, signal)),
    migrate: (set, migrations) =>
      runInTransaction(async (tx) => {
        await tx.query('SELECT pg_advisory_xact_lock($1)', [migrationLock]);
        await applyMigrations(
          tx,
          { dialect: 'postgres', damaged: (text) => corruptError(server, text) },
          set,
          migrations,
        );
      }),
    notify: channels.notify,
    listen: channels.listen,
    check: createWriteCheck(write, clock),
    close: () => gate.close(async () => void (await Promise.all([channels.close(), pool.end(), checks.end()]))),
  };
}

function read(url: string, options: PostgresOptions) {
  const location = new URL(url);
  const config: pg.ClientConfig = {
    connectionString: url,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5000,
    keepAlive: true,
    // Notices a server that is gone without a word; the system's own default is two hours.
    keepAliveInitialDelayMillis: 10_000,
    types: valueTypes,
    options: sessionSettings.map((setting) => `-c ${setting}`).join(' '),
    application_name: 'ordermesh',
  };
  return { config, location, server: `${location.host}${location.pathname}` };
}
