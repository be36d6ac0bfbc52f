import { randomUUID } from 'node:crypto';
import { closeSync, fsync as fsyncInPool, futimesSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeSubfolder } from '#mesh';
import { mailUnavailable } from '../errors.ts';

/** Writes files to one folder. */
export interface MailFiles {
  /**
   * Writes the file `name`, or replaces it; its modification time is `timeMs`. Resolves when file and name are durable. The
   * file is complete as soon as it has its name. Throws UNAVAILABLE `MAIL_UNAVAILABLE` if the parent of the folder is missing.
   */
  write(name: string, text: string, timeMs: number): Promise<void>;
}

interface Waiting {
  readonly name: string;
  readonly text: string;
  readonly timeMs: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** A file that does not have its name yet. */
interface Part {
  readonly of: Waiting;
  readonly path: string;
  readonly descriptor: number;
}

// A file takes about 70 us of this thread, so a batch holds up calls for 2 ms.
const maxBatch = 32;
// The commits of databases wait for the same four threads.
const concurrentSyncs = 2;

const fsync = promisify(fsyncInPool);

/**
 * Writes the files that wait at the same time as one batch: all contents, then their syncs, then their names, and one sync
 * of the folder. Only the syncs leave this thread: the way through the thread pool takes several times as long as the other
 * system calls. A file that fails fails alone; all do if the folder is at fault.
 */
export function createMailFiles(folder: string): MailFiles {
  const waiting: Waiting[] = [];
  let isWriting = false;

  async function writeWaiting(): Promise<void> {
    isWriting = true;
    // What else arrives in this turn shares the batch.
    await setImmediate();
    while (waiting.length > 0) await writeBatch(folder, waiting.splice(0, maxBatch));
    isWriting = false;
  }

  return {
    write: (name, text, timeMs) =>
      new Promise((resolve, reject) => {
        waiting.push({ name, text, timeMs, resolve, reject });
        if (!isWriting) void writeWaiting();
      }),
  };
}

/** Settles all of a batch. Never rejects. */
async function writeBatch(folder: string, batch: readonly Waiting[]): Promise<void> {
  try {
    makeAgain(folder);
    const synced = await syncAll(batch.flatMap((file) => writePart(folder, file) ?? []));
    const named = synced.filter((part) => givenName(folder, part));
    // A rename is durable when the folder is synced.
    if (named.length > 0) await syncAndClose(openSync(folder, 'r'));
    for (const { of } of named) of.resolve();
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}

/** Creates the folder if it was removed. A new parent would look like new data. */
function makeAgain(folder: string): void {
  try {
    makeSubfolder(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw mailUnavailable({ problem: `the parent folder of ${folder} is missing` }, { cause: error });
  }
}

/** Writes the content of a file. Returns `undefined` if that fails, which fails the file. */
function writePart(folder: string, file: Waiting): Part | undefined {
  // A unique name, because the same mail may be written twice concurrently.
  const path = join(folder, `${file.name}.${randomUUID()}.part`);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'wx', 0o600);
    writeFileSync(descriptor, file.text);
    futimesSync(descriptor, file.timeMs / 1_000, file.timeMs / 1_000);
    return { of: file, path, descriptor };
  } catch (error) {
    discard(path, descriptor);
    file.reject(error);
    return undefined;
  }
}

/** Syncs and closes these files. Returns those that are durable; the others have failed. */
async function syncAll(parts: readonly Part[]): Promise<Part[]> {
  const synced: Part[] = [];
  const rest = parts.values();
  const syncRest = async () => {
    for (const part of rest) {
      try {
        await syncAndClose(part.descriptor);
        synced.push(part);
      } catch (error) {
        discard(part.path);
        part.of.reject(error);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrentSyncs }, syncRest));
  return synced;
}

/** Returns whether a file got its name; if not, it has failed. */
function givenName(folder: string, { of: { name, reject }, path }: Part): boolean {
  try {
    renameSync(path, join(folder, name));
    return true;
  } catch (error) {
    discard(path);
    reject(error);
    return false;
  }
}

/** Removes what is left of a file that failed. Where that fails too, it is removed after its retention. */
function discard(path: string, descriptor?: number): void {
  try {
    try {
      if (descriptor !== undefined) closeSync(descriptor);
    } finally {
      rmSync(path, { force: true });
    }
  } catch {
    // The failure of the file itself is reported.
  }
}

/** Syncs and closes a file or folder. It is closed, too, if that throws: a disk may report a failure at either. */
async function syncAndClose(descriptor: number): Promise<void> {
  try {
    await fsync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
