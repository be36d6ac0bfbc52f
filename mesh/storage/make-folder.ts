import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Creates a folder and its parents, unless they exist, for the owner alone, and syncs their names: after a power cut they are
 * still there, with what was synced in them. It works level by level, because Node's recursive `mkdir` never ends in a folder
 * such as /proc, which accepts no others. Throws the system's error with its `path`.
 */
export function makeFolder(path: string): void {
  if (isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  makeSubfolder(path);
}

/** Creates a folder as `makeFolder` does, but not its parents: throws ENOENT if its parent is missing. */
export function makeSubfolder(path: string): void {
  if (isFolder(path)) return;
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    // Another process may have created it meanwhile.
    if (!isFolder(path)) throw error;
  }
  syncNames(dirname(path));
}

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
