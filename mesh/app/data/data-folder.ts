import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MeshError } from '../../errors/mesh-error.ts';
import { makeFolder } from '../../storage/make-folder.ts';
import { lockFolder } from '../../storage/sqlite/folder-lock.ts';
import { dataDirFull, dataDirNotWritable, isDiskFull } from '../errors.ts';
import { type Manifest, openManifest } from './manifest.ts';

/** A data folder that belongs to this process. */
export interface DataFolder {
  /** Whether its last owner crashed or was killed before `release`. */
  readonly wasAbandoned: boolean;
  /** Lists its databases. */
  readonly manifest: Manifest;
  /** Records that a process has started on it, with all databases: from now on `release` is a clean end. */
  opened(): void;
  /** Releases it. The end of the process does so too. */
  release(): void;
}

/**
 * Claims the data folder for this process, and creates it if needed. Throws FAILED_PRECONDITION `DATA_DIR_NOT_WRITABLE`,
 * `DATA_DIR_IN_USE` or `DATA_MISMATCH` (damaged manifest), UNAVAILABLE `STORAGE_FULL` if its disk is full.
 */
export function claimDataFolder(path: string): DataFolder {
  // Exists while a process owns the folder.
  const mark = join(path, '.running');
  asSetting(path, () => {
    makeFolder(path);
    // Else the lock would be refused, with a reason that SQLite does not know.
    accessSync(path, constants.W_OK);
  });
  const unlock = lockFolder(path);
  const wasAbandoned = existsSync(mark);
  const manifest = claim(path, mark, unlock);
  let inOrder = !wasAbandoned;
  return {
    wasAbandoned,
    manifest,
    opened() {
      manifest.endAdoption();
      inOrder = true;
    },
    release() {
      // A failed start must not hide how the previous run ended.
      if (inOrder) rmSync(mark, { force: true });
      unlock();
    },
  };
}

/** The manifest comes first: if it is refused, the folder keeps the mark of its last owner. */
function claim(path: string, mark: string, unlock: () => void): Manifest {
  try {
    return asSetting(path, () => {
      const manifest = openManifest(path);
      writeFileSync(mark, '', { mode: 0o600 });
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
    const { code, path: failed = path, syscall } = error as NodeJS.ErrnoException;
    if (isDiskFull(error)) throw dataDirFull({ path, file: failed, errno: error.code }, { cause: error });
    const refused = `${failed} cannot be ${syscall === 'access' ? 'written' : 'created'}: ${code}`;
    const problem = code === 'EEXIST' ? `${failed} is a file` : refused;
    throw dataDirNotWritable({ path, problem }, { cause: error });
  }
}
