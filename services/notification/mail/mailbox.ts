import {
  closeSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  futimesSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { mailUnavailable } from '../errors.ts';

/** A file of mails that only its opener writes. */
export interface Mailbox {
  /** In UTC, as in ISO 8601. */
  readonly day: string;
  /** Whether the file is still at its path. */
  isInPlace(): boolean;
  /**
   * Appends entries with one write and one flush, and sets the modification time. Resolves when they and the name of the file are
   * durable. If that fails, it removes what was written and rejects; nothing may be appended any more then, because the system
   * may take what it could not write for written. Rejects with UNAVAILABLE `MAIL_UNAVAILABLE` if the file is not in its place.
   */
  append(entries: string, timeMs: number): Promise<void>;
  /** Never throws. */
  close(): void;
}

/** Creates a mailbox for the owner alone: `<day>.mbox`, or `<day>-2.mbox` and so on if there is one. */
export function openMailbox(folder: string, day: string): Mailbox {
  const { path, descriptor } = create(folder, day);
  const opened = fstatSync(descriptor, { bigint: true });
  let length = 0;
  let hasName = false;

  const isInPlace = () => {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    return found?.ino === opened.ino && found.dev === opened.dev;
  };

  async function write(bytes: Buffer, timeMs: number): Promise<void> {
    writeFileSync(descriptor, bytes);
    futimesSync(descriptor, timeMs / 1_000, timeMs / 1_000);
    await promisify(fdatasync)(descriptor);
    if (!hasName) await syncFolder(dirname(path));
    hasName = true;
    if (!isInPlace()) throw mailUnavailable({ problem: `${path} was deleted or moved while it was written` });
    length += bytes.length;
  }

  /** Where that fails, an incomplete mail remains at the end, after which there will be none. */
  function takeBack(): void {
    try {
      ftruncateSync(descriptor, length);
      if (length === 0 && isInPlace()) rmSync(path);
    } catch {
      // The failure of the write is reported.
    }
  }

  return {
    day,
    isInPlace,
    async append(entries, timeMs) {
      try {
        await write(Buffer.from(entries), timeMs);
      } catch (error) {
        takeBack();
        throw error;
      }
    },
    close() {
      try {
        closeSync(descriptor);
      } catch {
        // All mails that were sent are durable.
      }
    },
  };
}

function create(folder: string, day: string): { readonly path: string; readonly descriptor: number } {
  for (let count = 1; ; count += 1) {
    const path = join(folder, `${day}${count > 1 ? `-${count}` : ''}.mbox`);
    try {
      return { path, descriptor: openSync(path, 'ax', 0o600) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function syncFolder(folder: string): Promise<void> {
  const descriptor = openSync(folder, 'r');
  try {
    await promisify(fsync)(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
