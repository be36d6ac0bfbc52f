import { realpathSync, statSync } from 'node:fs';
import type { MeshError } from '../../errors/mesh-error.ts';
import { storageLost } from '../errors.ts';
import { unseenError } from './errors.ts';

/** Detects whether the open files of a database are still the ones at its path. */
export interface FileWatch {
  /** Set once they are not. It stays, because memory and files may differ from then on. */
  readonly lost: MeshError | undefined;
  /**
   * Throws UNAVAILABLE `STORAGE_UNAVAILABLE` while the path cannot be read, for lack of permission or because the disk does not
   * answer. Call it before a commit, which can still be rolled back.
   */
  probe(): void;
  /**
   * Compares the files at the path with the open ones. Throws UNAVAILABLE `STORAGE_LOST` if they were deleted, moved or
   * replaced, because writes to them are lost with the process. Call it after a commit, so a commit to such files is not
   * acknowledged. Also throws if the path cannot be read, because a commit cannot be undone.
   */
  check(): void;
}

interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
}

const nothingThere: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR']);

/** Watches the open database at `path`, and its write-ahead log. */
export function watchFile(path: string): FileWatch {
  const database = identify(path);
  // SQLite puts it next to the file that a link leads to.
  const walPath = `${realpathSync(path)}-wal`;
  // Known after the first commit, which creates it.
  let wal: FileIdentity | undefined;
  let lost: MeshError | undefined;
  return {
    get lost() {
      return lost;
    },
    probe() {
      try {
        identityOf(path);
        identityOf(walPath);
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

/** `undefined` if there is no file, or it cannot be read. */
function identify(path: string): FileIdentity | undefined {
  try {
    return identityOf(path);
  } catch {
    return undefined;
  }
}

/** `undefined` if there is no file. Throws if the path cannot be read. */
function identityOf(path: string): FileIdentity | undefined {
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
