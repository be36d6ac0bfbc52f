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
  /** Copies the log into the file if it is long. It blocks, so it is done after other calls had their turn. */
  checkpointIfDue(): Promise<void>;
  /** Closes its own descriptor. No flush may be in progress. */
  close(): void;
}

/** The pages in the log, and how many of them are in the file. Every commit changes it: when all are, the log starts again. */
interface LogState {
  readonly log: bigint;
  readonly checkpointed: bigint;
}

/** Flushes with `fdatasync` in the thread pool. */
export const flushInThreadPool: FlushFile = promisify(fdatasync);

// About 10 ms: SQLite copies the pages and waits for the disk twice.
const pagesPerCheckpoint = 1_000;

/** Opens the write-ahead log of `connection`, whose own commits must not wait for the disk. `flushFile`: how it is flushed. */
export function openWriteAheadLog(connection: Connection, flushFile: FlushFile): WriteAheadLog {
  const path = `${realpathSync(connection.path)}-wal`;
  let descriptor: number | undefined;
  let failure: MeshError | undefined;
  let flushed: LogState | undefined;
  const flush = async (): Promise<void> => {
    try {
      // Only now, because the first commit creates it. SQLite has written its entry in the folder to the disk then.
      descriptor ??= openSync(path, 'r+');
      await flushFile(descriptor);
    } catch (error) {
      failure ??= flushError(error, connection.path);
    }
    if (failure !== undefined) throw failure;
  };
  return {
    get failure() {
      return failure;
    },
    flush() {
      const state = readState(connection);
      const isFlushed =
        state !== undefined && state.log === flushed?.log && state.checkpointed === flushed.checkpointed;
      flushed = state;
      return isFlushed ? undefined : flush();
    },
    async checkpointIfDue() {
      try {
        const state = readState(connection);
        if (state === undefined || state.log - state.checkpointed < pagesPerCheckpoint) return;
        await yieldToCalls();
        connection.script('PRAGMA wal_checkpoint(PASSIVE)');
      } catch {
        // It fails no commit: all is in the log. What keeps it from the file fails a later one.
      }
    },
    close() {
      if (descriptor !== undefined) closeSync(descriptor);
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
