import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type Clock, systemClock } from '../../time/clock.ts';
import { createWriteCheck } from '../aging/write-check.ts';
import { makeFolder } from '../make-folder.ts';
import { applyMigrations, type Schema } from '../migrations.ts';
import { prepare } from '../prepare.ts';
import type { Row, SqlValue, Storage } from '../storage.ts';
import { type Connection, connect } from './connection.ts';
import { cannotOpenError, closedError, corruptError } from './errors.ts';
import { watchFile } from './file-watch.ts';
import { createPageRelease } from './free-pages.ts';
import { createGroupCommit } from './group-commit.ts';
import { openChannels } from './notifications.ts';
import { searchDamage } from './search-damage.ts';
import { type FlushFile, flushInThreadPool, openWriteAheadLog } from './write-ahead-log.ts';

/** Settings of a SQLite database. */
export interface SqliteOptions {
  /** How long a call, and the whole process with it, waits for another process to release the file. Default: 1 s. */
  readonly busyTimeoutMs?: number;
  /**
   * Whether to lock the file until it is closed. Other processes are refused, reads are faster, and no commit blocks the process
   * while it waits for the disk. Default: false.
   */
  readonly exclusive?: boolean;
  /** Whether to check the structure of the whole file first (`PRAGMA quick_check`), about 1 ms per MiB. Default: false. */
  readonly verify?: boolean;
  /** The clock whose time `check` records and by which rows age. Default: the machine's. */
  readonly clock?: Clock;
  /** The maximum size in pages of 4 KiB; above it writes fail with `STORAGE_FULL`. Default: that of the disk. */
  readonly maxPages?: number;
  /** How the commits of an exclusive file are written to the disk. Default: `fdatasync` in the thread pool. */
  readonly flushFile?: FlushFile;
  /** Logs a checkpoint that failed. */
  readonly logger?: Pick<Logger, 'warn'> | undefined;
}

/**
 * Opens the SQLite database at `path`; creates file and folder if they do not exist. Nothing of a transaction is known to others
 * before it is on the disk. If the disk fails to write one, the file accepts nothing more until the process restarts: UNAVAILABLE
 * `STORAGE_FLUSH_FAILED`. Throws UNAVAILABLE `STORAGE_UNAVAILABLE` if it cannot be read and written, and DATA_LOSS
 * `STORAGE_CORRUPT` if it is not a valid database.
 */
export async function openSqlite(path: string, options: SqliteOptions = {}): Promise<Storage> {
  const connection = open(path, options);
  const files = watchFile(path);
  // Others that read the file would see what is not on the disk yet.
  const log = options.exclusive
    ? openWriteAheadLog(connection, options.flushFile ?? flushInThreadPool, options.logger)
    : undefined;
  try {
    await log?.recover();
    if (options.verify) verify(connection);
  } catch (error) {
    if (log?.failure === undefined) (log ?? connection).close();
    throw error;
  }
  const writer = createGroupCommit(connection, files, log);
  const channels = openChannels(path);
  let closing: Promise<void> | undefined;

  const transaction: Storage['transaction'] = async (work, { signal, flush } = {}) => {
    if (closing !== undefined) throw closedError(path);
    return writer.run(work, signal, flush);
  };
  const query = async <R extends Row>(sql: string, params: readonly SqlValue[] = []): Promise<R[]> => {
    if (closing !== undefined) throw closedError(path);
    if (!connection.readsOnly(sql)) return transaction((tx) => tx.query<R>(sql, params));
    for (let batch = writer.settled(); batch !== undefined; batch = writer.settled()) await batch;
    const fault = files.lost ?? log?.failure;
    if (fault) throw fault;
    const rows = connection.rows<R>(sql, params);
    const flushing = writer.flushed();
    if (flushing !== undefined) await flushing;
    return rows;
  };
  const close = async (): Promise<void> => {
    await writer.idle();
    channels.close();
    (log ?? connection).close();
  };
  const clock = options.clock ?? systemClock;
  const writeCheck = createWriteCheck(query, clock);
  const releasePages = createPageRelease(connection, writer, () => closing !== undefined);
  const check = async (): Promise<void> => {
    if (connection.damage) throw connection.damage;
    await writeCheck();
    await releasePages();
  };
  let checking: Promise<void> | undefined;
  const execute: Storage['execute'] = (sql, params) => transaction((tx) => tx.execute(sql, params));
  const storage: Storage = {
    dialect: 'sqlite',
    exclusive: true,
    query,
    execute,
    transaction,
    async migrate(set, migrations) {
      if (closing !== undefined) throw closedError(path);
      const schema: Schema = { dialect: 'sqlite', damaged: (text) => corruptError(path, text) };
      await writer.run((tx) => applyMigrations(tx, schema, set, migrations), undefined);
    },
    notify: channels.notify,
    listen: channels.listen,
    searchDamage: searchDamage({ query, execute }, (text) => corruptError(path, text)),
    check() {
      // Concurrent calls share one check.
      checking ??= check().finally(() => {
        checking = undefined;
      });
      return checking;
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
  return await prepare(storage, clock);
}

// Commits only write; `WriteAheadLog` flushes and makes the checkpoints.
const flushedHere = ['synchronous = NORMAL', 'wal_autocheckpoint = 0'];

function open(path: string, options: SqliteOptions): Connection {
  try {
    makeFolder(dirname(path));
    return connect(path, pragmasOf(path, options));
  } catch (error) {
    throw error instanceof MeshError ? error : cannotOpenError(error, path);
  }
}

function pragmasOf(path: string, options: SqliteOptions): readonly string[] {
  return [
    // Before WAL mode: then it needs no shared memory, and a point read takes half the time without its lock.
    ...(options.exclusive ? ['locking_mode = EXCLUSIVE'] : []),
    `busy_timeout = ${options.busyTimeoutMs ?? 1000}`,
    // Before anything is written. To an existing file it would be a write, before `recover`.
    ...(isNew(path) ? ['auto_vacuum = INCREMENTAL'] : []),
    'journal_mode = WAL',
    ...(options.exclusive ? flushedHere : ['synchronous = FULL']),
    'journal_size_limit = 67108864',
    // The pages that a savepoint may have to restore are kept in memory, not written to a file in the folder for temporary ones.
    'temp_store = MEMORY',
    ...(options.maxPages === undefined ? [] : [`max_page_count = ${options.maxPages}`]),
  ];
}

function isNew(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

/** Throws DATA_LOSS `STORAGE_CORRUPT` with the first fault. */
function verify(connection: Connection): void {
  const [row] = connection.rows<{ quick_check: string }>('PRAGMA quick_check(1)', []);
  if (row?.quick_check !== 'ok') throw corruptError(connection.path, String(row?.quick_check));
}
