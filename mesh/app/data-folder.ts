import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MeshError } from '../errors/mesh-error.ts';
import { makeFolder } from '../storage/make-folder.ts';
import { lockFolder } from '../storage/sqlite/folder-lock.ts';
import { dataDirFull, dataDirNotWritable } from './errors.ts';
import { type Manifest, openManifest } from './manifest.ts';

/** A data folder that belongs to this process. */
export interface DataFolder {
  /** Whether its last owner ended without `release`: it crashed or was killed. */
  readonly wasAbandoned: boolean;
  /** Which databases belong to it. */
  readonly manifest: Manifest;
  /** Says that a process has started on it, databases and all: from now on giving it back is a clean end. */
  opened(): void;
  /** Gives it back. The end of the process does so too, however it ends. */
  release(): void;
}

/**
 * Makes the data folder, if need be, and claims it for this process. FAILED_PRECONDITION `DATA_DIR_NOT_WRITABLE` or
 * `DATA_DIR_IN_USE`, or `DATA_MISMATCH` when its manifest is damaged; UNAVAILABLE `STORAGE_FULL` when its disk is full.
 */
export function claimDataFolder(path: string): DataFolder {
  // Lies there while an owner has the folder.
  const mark = join(path, '.running');
  asSetting(path, () => makeFolder(path));
  const unlock = lockFolder(path);
  const wasAbandoned = existsSync(mark);
  const manifest = claim(path, mark, unlock);
  let inOrder = !wasAbandoned;
  return {
    wasAbandoned,
    manifest,
    opened() {
      inOrder = true;
    },
    release() {
      // A start that fails does not hide how the run before it ended.
      if (inOrder) rmSync(mark, { force: true });
      unlock();
    },
  };
}

/** The manifest comes first: a folder that is refused for it keeps the mark that its last owner left, or did not. */
function claim(path: string, mark: string, unlock: () => void): Manifest {
  try {
    return asSetting(path, () => {
      const manifest = openManifest(path);
      writeFileSync(mark, '');
      return manifest;
    });
  } catch (error) {
    unlock();
    throw error;
  }
}

function asSetting<T>(path: string, change: () => T): T {
  try {
    return change();
  } catch (error) {
    if (error instanceof MeshError) throw error;
    const { code, path: failed = path } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw dataDirFull({ path, file: failed, errno: code }, { cause: error });
    const problem = code === 'EEXIST' ? `${failed} is a file` : `${failed} cannot be created: ${code}`;
    throw dataDirNotWritable({ path, problem }, { cause: error });
  }
}
