import { realpathSync, statSync } from 'node:fs';
import type { MeshError } from '../../errors/mesh-error.ts';
import { storageLost } from '../errors.ts';
import { unseenError } from './errors.ts';

/** Whether what is written to a database is in the files that lie at its path. */
export interface FileWatch {
  /** That it is not, once it was found out. It stays so: what memory and files say may differ from then on. */
  readonly lost: MeshError | undefined;
  /**
   * Throws UNAVAILABLE `STORAGE_UNAVAILABLE` while the machine cannot say what lies at the path, for want of a right or because
   * its disk does not answer. To be called before a commit, which can still be rolled back then.
   */
  probe(): void;
  /**
   * Compares the files at the path with those that are open. Throws UNAVAILABLE `STORAGE_LOST` when they were deleted, moved
   * or replaced: a write to them would be gone with the process. To be called after a commit, so that none is acknowledged
   * that was made to such files. So does a path that cannot be looked at: what is committed cannot be taken back.
   */
  check(): void;
}

interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
}

const nothingThere: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR']);

/** Watches the database that was just opened at `path`, and its write-ahead log. */
export function watchFile(path: string): FileWatch {
  const database = identify(path);
  // SQLite puts it beside the file that a link leads to.
  const walPath = `${realpathSync(path)}-wal`;
  // Known from the first commit on, which makes it.
  let wal: FileIdentity | undefined;
  let lost: MeshError | undefined;
  return {
    get lost() {
      return lost;
    },
    probe() {
      try {
        look(path);
        look(walPath);
      } catch (error) {
        throw unseenError(error, path);
      }
    },
    check() {
      if (lost === undefined) {
        const walNow = identify(walPath);
        wal ??= walNow;
        if (isSame(database, identify(path)) && isSame(wal, walNow)) return;
        lost = storageLost({ path });
      }
      throw lost;
    },
  };
}

/** `undefined` where nothing lies that can be looked at. */
function identify(path: string): FileIdentity | undefined {
  try {
    return look(path);
  } catch {
    return undefined;
  }
}

/** `undefined` where nothing lies. Throws when that cannot be found out. */
function look(path: string): FileIdentity | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return { device: dev, inode: ino };
  } catch (error) {
    if (error instanceof Error && 'code' in error && nothingThere.has(error.code)) return undefined;
    throw error;
  }
}

function isSame(a: FileIdentity | undefined, b: FileIdentity | undefined): boolean {
  return a !== undefined && b !== undefined && a.inode === b.inode && a.device === b.device;
}
