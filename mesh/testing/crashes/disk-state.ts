import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** What the files of a folder contain at one moment, by their paths in it. */
export type DiskState = ReadonlyMap<string, Buffer>;

/** Reads the states of a folder that this process is using. */
export interface FolderReader {
  /** Returns the current state: what a process that is killed now leaves. Files that did not change share their content. */
  read(): DiskState;
  /** To be called once nothing uses the folder any more. */
  close(): void;
}

/** What only living processes share: SQLite makes it again. */
const volatile = /-shm$/;

/** Opens a folder. It keeps its files open, since closing one releases the locks that SQLite has on it in this process. */
export function openFolderReader(folder: string): FolderReader {
  const descriptors = new Map<string, number>();
  let last: DiskState = new Map();

  function readFile(path: string): Buffer {
    const key = `${path} ${statSync(path).ino}`;
    const file = descriptors.get(key) ?? openSync(path, 'r');
    descriptors.set(key, file);
    const content = Buffer.alloc(fstatSync(file).size);
    const length = readSync(file, content, 0, content.length, 0);
    return content.subarray(0, length);
  }

  function readAll(): DiskState {
    const state = new Map<string, Buffer>();
    for (const path of filesOf(folder)) {
      const name = relative(folder, path);
      const content = readFile(path);
      const known = last.get(name);
      state.set(name, known?.equals(content) ? known : content);
    }
    return state;
  }

  return {
    read() {
      for (;;) {
        try {
          last = readAll();
          return last;
        } catch (error) {
          // The thread pool has renamed or removed a file meanwhile.
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        }
      }
    },
    close() {
      for (const file of descriptors.values()) closeSync(file);
      descriptors.clear();
    },
  };
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !volatile.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Whether two states of one reader are the same. */
export function isSameState(one: DiskState, other: DiskState): boolean {
  return one.size === other.size && [...one].every(([name, content]) => other.get(name) === content);
}

/** Writes a state into a folder that is empty or missing. */
export function writeState(folder: string, state: DiskState): void {
  for (const [name, content] of state) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, content, { mode: 0o600 });
  }
}
