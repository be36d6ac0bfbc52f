import {
  type BigIntStats,
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
  /** Whether the file is still at its path, with what was appended and nothing else: nobody has moved, edited or emptied it. */
  isUntouched(): boolean;
  /**
   * Appends entries with one write and one flush, and sets the modification time. Resolves when they and the name of the file are
   * durable. If that fails, it removes what was written and rejects; nothing may be appended any more then, because the system
   * may take what it could not write for written. If the file was touched meanwhile, it leaves it as it is, and rejects with
   * UNAVAILABLE `MAIL_UNAVAILABLE`.
   */
  append(entries: string, timeMs: number): Promise<void>;
  /** Never throws. */
  close(): void;
}

/** Creates a mailbox for the owner alone: `<day>.mbox`, or `<day>-2.mbox` and so on if there is one. */
export function openMailbox(folder: string, day: string): Mailbox {
  const { path, descriptor, opened } = create(folder, day);
  let length = 0;
  let hasName = false;

  const isUntouched = () => {
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    return found?.ino === opened.ino && found.dev === opened.dev && found.size === BigInt(length);
  };

  async function write(bytes: Buffer, timeMs: number): Promise<void> {
    writeFileSync(descriptor, bytes);
    length += bytes.length;
    futimesSync(descriptor, timeMs / 1_000, timeMs / 1_000);
    await promisify(fdatasync)(descriptor);
    if (!hasName) await syncFolder(dirname(path));
    hasName = true;
  }

  /**
   * Removes what was written after `before` bytes, at most `written` bytes. A file of any other size was changed by somebody else,
   * and is left as it is. Where that fails, incomplete mails remain at the end, after which there will be none.
   */
  function takeBack(before: number, written: number): void {
    try {
      const { size } = fstatSync(descriptor);
      if (size < before || size > before + written) return;
      ftruncateSync(descriptor, before);
      length = before;
      if (before === 0 && isUntouched()) rmSync(path);
    } catch {
      // The failure of the write is reported.
    }
  }

  return {
    day,
    isUntouched,
    async append(entries, timeMs) {
      const bytes = Buffer.from(entries);
      const before = length;
      try {
        await write(bytes, timeMs);
      } catch (error) {
        takeBack(before, bytes.length);
        throw error;
      }
      if (!isUntouched())
        throw mailUnavailable({ problem: `${path} was deleted, moved or changed while it was written` });
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

interface Created {
  readonly path: string;
  readonly descriptor: number;
  readonly opened: BigIntStats;
}

function create(folder: string, day: string): Created {
  for (let count = 1; ; count += 1) {
    const path = join(folder, `${day}${count > 1 ? `-${count}` : ''}.mbox`);
    try {
      const descriptor = openSync(path, 'ax', 0o600);
      return { path, descriptor, opened: statOf(path, descriptor) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/** Removes the new file if that fails. */
function statOf(path: string, descriptor: number): BigIntStats {
  try {
    return fstatSync(descriptor, { bigint: true });
  } catch (error) {
    closeSync(descriptor);
    rmSync(path, { force: true });
    throw error;
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
