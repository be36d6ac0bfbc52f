import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** Folders whose names this process has synced. */
const durable = new Set<string>();

/**
 * Creates a folder and its parents, unless they exist, for the owner alone, and syncs their names: after a power cut they are
 * still there, with what was synced in them. So it is with one that it finds: the process that made it may have been killed
 * before it synced its name. It works level by level, because Node's recursive `mkdir` never ends in a folder such as /proc,
 * which accepts no others. Throws the system's error with its `path`.
 */
export function makeFolder(path: string): void {
  const parent = dirname(path);
  // The name of each parent was synced before anything was made in it.
  if (parent !== path && !isFolder(path)) makeFolder(parent);
  makeSubfolder(path);
}

/** Creates a folder as `makeFolder` does, but not its parents: throws ENOENT if its parent is missing. */
export function makeSubfolder(path: string): void {
  if (isFolder(path)) {
    syncFound(path);
    return;
  }
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    // Another process may have created it meanwhile.
    if (!isFolder(path)) throw error;
  }
  syncNames(dirname(path));
  durable.add(path);
}

/**
 * Syncs the name of a folder that exists. A file system that cannot do that for folders, such as one that is only read or one of a
 * network, must not keep a start from the files that are in it.
 */
function syncFound(path: string): void {
  if (durable.has(path)) return;
  try {
    syncNames(dirname(path));
  } catch (error) {
    if (!cannotSync.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  durable.add(path);
}

const cannotSync = new Set([
  'EINVAL',
  'EROFS',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EBADF',
  'EPERM',
  'EACCES',
  'ENOTTY',
]);

/** Makes the names in a folder durable. A folder that this user may not read cannot be synced. */
export function syncNames(folder: string): void {
  let descriptor: number;
  try {
    descriptor = openSync(folder, 'r');
  } catch {
    return;
  }
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
