import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describeLockHolder } from '../../processes/lock-holder.ts';
import { dataDirInUse } from '../errors.ts';
import { makeFolder } from '../make-folder.ts';
import { cannotLockError, isBusy } from './errors.ts';

// Keeps the connections referenced: the garbage collector would close them and release their locks.
const held = new Set<DatabaseSync>();

/**
 * Locks a folder for this process until the returned function is called or the process ends in any way. Throws
 * FAILED_PRECONDITION `DATA_DIR_IN_USE` if another process holds the lock.
 */
export function lockFolder(path: string): () => void {
  const file = join(path, '.lock');
  const database = open(path, file);
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw isBusy(error) ? dataDirInUse({ path, holder: describeLockHolder(file) }) : cannotLockError(error, file);
  }
  held.add(database);
  return () => {
    if (held.delete(database)) database.close();
  };
}

function open(path: string, file: string): DatabaseSync {
  try {
    makeFolder(path);
    return new DatabaseSync(file);
  } catch (error) {
    throw cannotLockError(error, file);
  }
}
