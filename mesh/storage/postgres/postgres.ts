import type pg from 'pg';
import type { Logger } from '../../telemetry/logger.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { createWriteCheck, type WriteOnce } from '../aging/write-check.ts';
import { applyMigrations, type SchemaTransaction } from '../migrations.ts';
import { prepare } from '../prepare.ts';
import type { Row, SqlValue, Storage } from '../storage.ts';
import { createCommitGroups } from './commit-groups.ts';
import { acquire, type Connection } from './connection.ts';
import { ensureDatabase } from './create-database.ts';
import { closedError, connectError, corruptError, mayRunAgain, pooledDirectUrlError, postgresError } from './errors.ts';
import { openChannels } from './notifications.ts';
import { createPool, type Pool } from './pool.ts';
import { withRequiredTls } from './required-tls.ts';
import { type DatabaseTls, secured } from './secured.ts';
import { openSessions, type Sessions } from './sessions.ts';
import { createStatementCache } from './statements.ts';
import { runTransaction, waitBeforeRunningAgain } from './transaction.ts';
import { valueTypes } from './values.ts';
import { withNumbers, writeOnce } from './write-once.ts';

/** Settings of a PostgreSQL database. */
export interface PostgresOptions {
  /** The maximum number of connections for calls; further calls wait for one. Two more check and listen. Default: 5. */
  readonly poolSize?: number;
  /**
   * The same database without a pooler in between, to create the database and to listen. Default: the URL itself; behind a
   * pooler listeners are then called every second.
   */
  readonly directUrl?: string | undefined;
  /** How the server is checked, if the URL does not say that. Default: by the authorities of Node. */
  readonly tls?: DatabaseTls | undefined;
  /** Logs that a pooler was found, and no direct URL given. Default: not logged. */
  readonly logger?: Pick<Logger, 'warn'>;
  /** The clock whose time `check` records and by which rows age. Default: the machine's. */
  readonly clock?: Clock;
  /**
   * How long a check waits for the server's answer, which it gives within 4 s, and `close` for calls in progress, before all
   * connections are closed. A server whose machine is gone does not report that. Default: 8 s.
   */
  readonly silentAfterMs?: number;
  /** How long a call waits for a connection before it fails with `STORAGE_UNAVAILABLE`. Default: 5 s. */
  readonly connectTimeoutMs?: number;
}

// One key for all sets: services that share a database take turns.
const migrationLock = 7_306_652_135_881_203n;

/**
 * Opens the database of `postgres://user:password@host:port/name`; creates it if it does not exist. Throws UNAVAILABLE
 * `STORAGE_UNAVAILABLE` if the server cannot be reached and `STORAGE_MISCONFIGURED` if it refuses the login.
 */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<Storage> {
  const { config, server, location } = read(url, options);
  const direct = options.directUrl === undefined ? undefined : read(options.directUrl, options);
  const directSessions = direct && (await open(direct.config, direct.location, direct.server));
  const sessions = await open(config, location, server);
  if (direct !== undefined && directSessions?.pooled === true) throw pooledDirectUrlError(direct.server);
  if (sessions.pooled && direct === undefined) options.logger?.warn({ database: server }, pooledWithoutDirectUrl);
  const listening = directSessions ?? sessions;
  const storage = createStorage(sessions, listening.pooled ? undefined : listening.config, options, server);
  return await prepare(storage, options.clock ?? systemClock);
}

const pooledWithoutDirectUrl =
  'the database is behind a connection pooler: work of other processes is noticed within 1 s instead of immediately; ' +
  'set DATABASE_DIRECT_URL to the server itself';

async function open(config: pg.ClientConfig, location: URL, server: string): Promise<Sessions> {
  try {
    await ensureDatabase(config, location);
    return await openSessions(config);
  } catch (error) {
    throw connectError(error, server);
  }
}

/** `listening` is the configuration of connections that can listen; `undefined` if there are none. */
function createStorage(
  sessions: Sessions,
  listening: pg.ClientConfig | undefined,
  { poolSize = 5, clock = systemClock, silentAfterMs = 8000 }: PostgresOptions,
  server: string,
): Storage {
  const pool = createPool(sessions, poolSize, () => channels.reconnect());
  // A separate pool, so a check does not fail because all connections are in use.
  const checks = createPool(sessions, 1, pool.leave);
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
  const groups = createCommitGroups(connect, server);
  // Past the gate: those that closing calls notify of are sent, too.
  const channels = openChannels(listening, async (sql, params) => {
    await runTransaction(connect, server, async (tx) => tx.defer(sql, params), undefined);
  });
  return {
    dialect: 'postgres',
    exclusive: false,
    query,
    execute: (sql, params) => runInTransaction((tx) => tx.execute(sql, params)),
    transaction: (work, { signal, commitGroup } = {}) =>
      commitGroup === undefined
        ? runInTransaction(work, signal)
        : gate.enter(() => groups.run(commitGroup, work, signal)),
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
    close: () => gate.close(channels.flush, () => Promise.all([channels.close(), pool.end(), checks.end()])),
  };
}

function read(url: string, options: PostgresOptions) {
  const location = new URL(url);
  const config: pg.ClientConfig = {
    ...secured(url, withRequiredTls(url, options.tls)),
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5000,
    keepAlive: true,
    // Detects a server that is gone without closing its connections; the system's default is two hours.
    keepAliveInitialDelayMillis: 10_000,
    types: valueTypes,
    application_name: 'ordermesh',
  };
  return { config, location, server: `${location.host}${location.pathname}` };
}

/** Accepts calls until it is closed. */
interface Gate {
  /** Runs `action`. Rejects with UNAVAILABLE `STORAGE_UNAVAILABLE` once the gate is closed. */
  enter<T>(action: () => Promise<T>): Promise<T>;
  /** Waits for calls in progress, then runs `flush`, then `last`. */
  close(flush: () => Promise<void>, last: () => Promise<unknown>): Promise<void>;
}

/** An open gate. If calls in progress and `flush` take longer than `patienceMs` after the closing, `abandon` has to end them. */
function createGate(server: string, patienceMs: number, abandon: () => void): Gate {
  const inProgress = new Set<Promise<unknown>>();
  let closed: Promise<void> | undefined;
  const closeAfterCalls = async (flush: () => Promise<void>, last: () => Promise<unknown>): Promise<void> => {
    const timer = setTimeout(abandon, patienceMs);
    await Promise.allSettled(inProgress);
    await flush();
    clearTimeout(timer);
    await last();
  };
  return {
    async enter<T>(action: () => Promise<T>): Promise<T> {
      if (closed !== undefined) throw closedError(server);
      const running = action();
      inProgress.add(running);
      try {
        return await running;
      } finally {
        inProgress.delete(running);
      }
    },
    close(flush: () => Promise<void>, last: () => Promise<unknown>): Promise<void> {
      closed ??= closeAfterCalls(flush, last);
      return closed;
    },
  };
}
