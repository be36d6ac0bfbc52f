import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';
import { lockFolder } from '../storage/sqlite/folder-lock.ts';

/** A data folder that belongs to this process. */
export interface DataFolder {
  /** Whether its last owner ended without `release`: it crashed or was killed. */
  readonly wasAbandoned: boolean;
  /** Gives it back. The end of the process does so too, however it ends. */
  release(): void;
}

/**
 * Makes the data folder, if need be, and claims it for this process. FAILED_PRECONDITION `DATA_DIR_NOT_WRITABLE` or
 * `DATA_DIR_IN_USE`.
 */
export function claimDataFolder(path: string): DataFolder {
  // Lies there while an owner has the folder.
  const mark = join(path, '.running');
  asSetting(path, () => makeFolder(path));
  const unlock = lockFolder(path);
  const wasAbandoned = existsSync(mark);
  asSetting(path, () => writeFileSync(mark, ''));
  return {
    wasAbandoned,
    release() {
      rmSync(mark, { force: true });
      unlock();
    },
  };
}

/** Level by level: Node's own recursive way never ends where a folder exists and takes no other, as /proc does. */
function makeFolder(path: string): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have been as quick.
    if (!isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function asSetting(path: string, change: () => void): void {
  try {
    change();
  } catch (error) {
    const { code, path: failed = path } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? `${failed} is a file` : `${failed} cannot be made: ${code}`;
    const text = `cannot use the data folder ${path} (${why}): set DATA_DIR to a folder that this user may write to`;
    throw new MeshError(Status.FAILED_PRECONDITION, 'DATA_DIR_NOT_WRITABLE', text, { cause: error });
  }
}
