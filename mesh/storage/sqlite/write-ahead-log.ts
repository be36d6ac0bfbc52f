import { closeSync, fdatasync, openSync, readSync, realpathSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { MeshError } from '../../errors/mesh-error.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { yieldToCalls } from '../../time/yield-to-event-loop.ts';
import { syncNames } from '../make-folder.ts';
import type { Connection } from './connection.ts';
import { flushError } from './errors.ts';

/** Writes to the disk what the open file of this descriptor has, without blocking the event loop. Rejects if the disk fails. */
export type FlushFile = (descriptor: number) => Promise<void>;

/** The write-ahead log of a file that only this process uses. Its commits are on the disk once `flush` resolves, not before. */
export interface WriteAheadLog {
  /** Set once a flush failed. It stays: the system may drop what it could not write, so a later flush proves nothing. */
  readonly failure: MeshError | undefined;
  /**
   * Copies what an earlier process left in the log into the file. Resolves once both are on the disk; call it before anything is
   * read. Rejects with `failure`.
   */
  recover(): Promise<void>;
  /** Resolves once all commits so far are on the disk; `undefined` if nothing was written since. Rejects with `failure`. */
  flush(): Promise<void> | undefined;
  /**
   * Copies the log into the file if it is long, and resolves once that is on the disk. No transaction may begin meanwhile, because
   * the first one after it overwrites the log. It never rejects: if the disk fails, `failure` is set.
   */
  checkpointIfDue(): Promise<void>;
  /**
   * Closes the file, when no flush is in progress. After a failure it throws that, and the file stays open until the process ends:
   * SQLite would delete the log, which may have what the disk did not write to the file.
   */
  close(): void;
}

/** The pages in the log, and how many of them are in the file. Every commit changes it: when all are, the log starts again. */
interface LogState {
  readonly log: bigint;
  readonly checkpointed: bigint;
}

/** Flushes with `fdatasync` in the thread pool. */
export const flushInThreadPool: FlushFile = promisify(fdatasync);

// Copying them blocks the process for about 1.5 ms.
const pagesPerCheckpoint = 2_000;
const bytesPerRewrite = 2 ** 20;
const checkpointFailed =
  'could not copy the write-ahead log into the database, nothing is lost: check its disk; trying again when the log has grown';
// Referenced, so they are not closed as garbage.
const unclosed: Connection[] = [];

/** Opens the write-ahead log of `connection`, whose own commits must not wait for the disk. `flushFile`: how files are flushed. */
export function openWriteAheadLog(
  connection: Connection,
  flushFile: FlushFile,
  logger: Pick<Logger, 'warn'> | undefined,
): WriteAheadLog {
  const path = realpathSync(connection.path);
  const descriptors = new Map<string, number>();
  let failure: MeshError | undefined;
  let flushed: LogState | undefined;
  /** What the last `flush` read, until the checkpoint after it: no transaction runs between them. */
  let latest: LogState | undefined;
  /** How many pages the log has when it is copied. More after a failure, so a long log is not copied after each batch. */
  let pagesWhenDue = pagesPerCheckpoint;

  const descriptorOf = (suffix: '' | '-wal'): number => {
    // Only now, because the first commit creates the log. SQLite has written its entry in the folder to the disk then.
    const descriptor = descriptors.get(suffix) ?? openSync(`${path}${suffix}`, 'r+');
    descriptors.set(suffix, descriptor);
    return descriptor;
  };
  const flushPart = async (suffix: '' | '-wal'): Promise<void> => {
    try {
      await flushFile(descriptorOf(suffix));
    } catch (error) {
      failure ??= flushError(error, connection.path);
    }
    if (failure !== undefined) throw failure;
  };
  const flush = (): Promise<void> | undefined => {
    const state = readState(connection);
    const isFlushed = state !== undefined && state.log === flushed?.log && state.checkpointed === flushed.checkpointed;
    flushed = state;
    latest = state;
    return isFlushed ? undefined : flushPart('-wal');
  };
  const checkpoint = async (): Promise<void> => {
    // SQLite would flush both here, and block the process for 10 ms and more. The log comes first: nothing may be in the file that
    // is not in the log.
    await flush();
    connection.script('PRAGMA synchronous = OFF');
    try {
      connection.script('PRAGMA wal_checkpoint(PASSIVE)');
      pagesWhenDue = pagesPerCheckpoint;
    } catch (error) {
      // The disk may be full. All is in the log, which SQLite only overwrites after a whole checkpoint.
      if (pagesWhenDue === pagesPerCheckpoint) logger?.warn({ database: path, err: error }, checkpointFailed);
      pagesWhenDue += pagesPerCheckpoint;
      return;
    } finally {
      connection.script('PRAGMA synchronous = NORMAL');
      // The frame counts start again.
      flushed = undefined;
      latest = undefined;
    }
    await flushPart('');
  };
  return {
    get failure() {
      return failure;
    },
    flush,
    async recover() {
      if ((statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
      try {
        rewrite(descriptorOf('-wal'));
        syncNames(dirname(path));
        await checkpoint();
      } catch (error) {
        failure ??= flushError(error, connection.path);
        unclosed.push(connection);
        throw failure;
      }
    },
    async checkpointIfDue() {
      const state = latest ?? readState(connection);
      latest = undefined;
      if (state === undefined || state.log - state.checkpointed < pagesWhenDue) return;
      await yieldToCalls();
      try {
        await checkpoint();
      } catch (error) {
        failure ??= flushError(error, connection.path);
      }
    },
    close() {
      if (failure !== undefined) {
        unclosed.push(connection);
        throw failure;
      }
      connection.close();
      // After it: closing a descriptor of the file drops all locks that this process has on it.
      for (const descriptor of descriptors.values()) closeSync(descriptor);
    },
  };
}

/**
 * Writes each byte of an open file again. After a failed flush the system takes the pages that it could not write for written, so
 * a flush alone, even by the next process, would succeed without them.
 */
function rewrite(descriptor: number): void {
  const part = Buffer.alloc(bytesPerRewrite);
  for (let position = 0; ; ) {
    const length = readSync(descriptor, part, 0, part.length, position);
    if (length === 0) return;
    for (let done = 0; done < length; ) done += writeSync(descriptor, part, done, length - done, position + done);
    position += length;
  }
}

/** `undefined` if SQLite does not report it. */
function readState(connection: Connection): LogState | undefined {
  try {
    return connection.rows<{ log: bigint; checkpointed: bigint }>('PRAGMA wal_checkpoint(NOOP)', [])[0];
  } catch {
    return undefined;
  }
}
