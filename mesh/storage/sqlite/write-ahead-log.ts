import { closeSync, fdatasync, openSync, realpathSync } from 'node:fs';
import { promisify } from 'node:util';
import type { MeshError } from '../../errors/mesh-error.ts';
import { yieldToCalls } from '../../time/yield-to-event-loop.ts';
import type { Connection } from './connection.ts';
import { flushError } from './errors.ts';

/** Writes to the disk what the open file of this descriptor has, without blocking the event loop. Rejects if the disk fails. */
export type FlushFile = (descriptor: number) => Promise<void>;

/** The write-ahead log of a file that only this process uses. Its commits are on the disk once `flush` resolves, not before. */
export interface WriteAheadLog {
  /** Set once a flush failed. It stays: the system may drop what it could not write, so a later flush proves nothing. */
  readonly failure: MeshError | undefined;
  /** Resolves once all commits so far are on the disk; `undefined` if nothing was written since. Rejects with `failure`. */
  flush(): Promise<void> | undefined;
  /**
   * Copies the log into the file if it is long, and resolves once that is on the disk. No transaction may begin meanwhile, because
   * the first one after it overwrites the log. It never rejects: if the disk fails, `failure` is set.
   */
  checkpointIfDue(): Promise<void>;
  /**
   * Closes the file, when no flush is in progress. After a failure it stays open until the process ends: SQLite would delete the
   * log, which may have what the disk did not write to the file.
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
// Referenced, so they are not closed as garbage.
const unclosed: Connection[] = [];

/** Opens the write-ahead log of `connection`, whose own commits must not wait for the disk. `flushFile`: how files are flushed. */
export function openWriteAheadLog(connection: Connection, flushFile: FlushFile): WriteAheadLog {
  const path = realpathSync(connection.path);
  const descriptors = new Map<string, number>();
  let failure: MeshError | undefined;
  let flushed: LogState | undefined;

  const flushPart = async (suffix: '' | '-wal'): Promise<void> => {
    try {
      // Only now, because the first commit creates the log. SQLite has written its entry in the folder to the disk then.
      const descriptor = descriptors.get(suffix) ?? openSync(`${path}${suffix}`, 'r+');
      descriptors.set(suffix, descriptor);
      await flushFile(descriptor);
    } catch (error) {
      failure ??= flushError(error, connection.path);
    }
    if (failure !== undefined) throw failure;
  };
  const flush = (): Promise<void> | undefined => {
    const state = readState(connection);
    const isFlushed = state !== undefined && state.log === flushed?.log && state.checkpointed === flushed.checkpointed;
    flushed = state;
    return isFlushed ? undefined : flushPart('-wal');
  };
  const checkpoint = async (): Promise<void> => {
    // SQLite would flush both here, and block the process for 10 ms and more. The log comes first: nothing may be in the file that
    // is not in the log.
    await flush();
    connection.script('PRAGMA synchronous = OFF');
    try {
      connection.script('PRAGMA wal_checkpoint(PASSIVE)');
    } catch {
      // The disk may be full. All is in the log, which SQLite only overwrites after a whole checkpoint.
      return;
    } finally {
      connection.script('PRAGMA synchronous = NORMAL');
      // The frames will be counted anew.
      flushed = undefined;
    }
    await flushPart('');
  };
  return {
    get failure() {
      return failure;
    },
    flush,
    async checkpointIfDue() {
      const state = readState(connection);
      if (state === undefined || state.log - state.checkpointed < pagesPerCheckpoint) return;
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
        return;
      }
      connection.close();
      // After it: closing a descriptor of the file drops all locks that this process has on it.
      for (const descriptor of descriptors.values()) closeSync(descriptor);
    },
  };
}

/** `undefined` if SQLite does not tell. */
function readState(connection: Connection): LogState | undefined {
  try {
    return connection.rows<{ log: bigint; checkpointed: bigint }>('PRAGMA wal_checkpoint(NOOP)', [])[0];
  } catch {
    return undefined;
  }
}
