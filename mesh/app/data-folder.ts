import { mkdirSync } from 'node:fs';
import { Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';
import { lockFolder } from '../storage/sqlite/folder-lock.ts';

/**
 * Makes the data folder, if need be, and claims it for this process until the returned function is called or the process
 * ends, however it ends. FAILED_PRECONDITION `DATA_DIR_NOT_WRITABLE` or `DATA_DIR_IN_USE`.
 */
export function claimDataFolder(path: string): () => void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new MeshError(
      Status.FAILED_PRECONDITION,
      'DATA_DIR_NOT_WRITABLE',
      `cannot make the data folder ${path} (${(error as NodeJS.ErrnoException).code}): set DATA_DIR to a folder that this user may write to`,
      { cause: error },
    );
  }
  return lockFolder(path);
}
