import { messageOf } from '../../errors/error-text.ts';
import type { MeshError } from '../../errors/mesh-error.ts';
import {
  continuesByItself,
  storageClosed,
  storageCorrupt,
  storageFlushFailed,
  storageFull,
  storageUnavailable,
} from '../errors.ts';
import { type Remedies, storageFault } from '../faults.ts';
import { sqlForMessage } from '../sql.ts';
import { kindOf } from './result-codes.ts';

const remedies: Remedies = {
  unavailable: 'check its disk and that its file can be opened',
  busy: 'check that no other process holds it',
  full: `free space on its disk${continuesByItself}`,
  'read-only': 'check that its disk is mounted read-write and that its file is where it was opened',
  denied: 'allow the user of this process to read and write its file and folder',
  'wrong-schema': 'run the program that created it, or restore the file that belongs to this data folder',
  corrupt:
    'stop this process, move its data folder aside, put the whole folder of a backup in its place, and start it again',
  'too-large': 'send less at a time',
};

/** The error of a failed statement: a MeshError if the database is at fault, otherwise an Error with the SQL. */
export function sqliteError(error: unknown, sql: string, path: string): Error {
  const kind = kindOf(error);
  if (kind === 'statement') return new Error(`${messageOf(error)}, in: ${sqlForMessage(sql)}`);
  const text = kind === 'wrong-schema' ? `${messageOf(error)}, in: ${sqlForMessage(sql)}` : messageOf(error);
  return storageFault(kind, { database: path, text, cause: error }, remedies);
}

/** DATA_LOSS `STORAGE_CORRUPT`. `text`: what is damaged in the file at `path`, as SQLite says it, in lines. */
export function corruptError(path: string, text: string, cause?: unknown): MeshError {
  const inOneLine = text
    .replace('*** in database main ***', '')
    .trim()
    .replaceAll(/\s*\n\s*/g, ', ');
  return storageFault('corrupt', { database: path, text: inOneLine, cause }, remedies);
}

/**
 * The error of opening `path`: DATA_LOSS `STORAGE_CORRUPT` if it is damaged, UNAVAILABLE `STORAGE_FULL` if its disk is full,
 * otherwise UNAVAILABLE `STORAGE_UNAVAILABLE`.
 */
export function cannotOpenError(error: unknown, path: string): MeshError {
  const kind = kindOf(error);
  if (kind === 'corrupt') return corruptError(path, messageOf(error), error);
  const trouble = { database: path, state: 'cannot be opened', detail: messageOf(error) };
  if (kind === 'full') {
    return storageFull({ ...trouble, remedy: 'free space on its disk and start again' }, { cause: error });
  }
  const remedy = 'check that its folder is writable and that no other process holds it';
  return storageUnavailable({ ...trouble, remedy }, { cause: error });
}

/** The same for the lock of a data folder: a file without data. */
export function cannotLockError(error: unknown, path: string): MeshError {
  const trouble = { thing: 'lock', database: path, state: 'cannot be opened', detail: messageOf(error) };
  switch (kindOf(error)) {
    case 'full':
      return storageFull({ ...trouble, remedy: 'free space on its disk and start again' }, { cause: error });
    case 'corrupt':
      return storageCorrupt({ ...trouble, remedy: 'it has no data: delete it and start again' }, { cause: error });
    default:
      return storageUnavailable({ ...trouble, remedy: 'check that its folder is writable' }, { cause: error });
  }
}

/** The error of every call after `close()`: UNAVAILABLE `STORAGE_UNAVAILABLE`. */
export function closedError(path: string): MeshError {
  return storageClosed({ database: path });
}

/** UNAVAILABLE `STORAGE_UNAVAILABLE`: the path of the database cannot be read now. */
export function unseenError(error: unknown, path: string): MeshError {
  return storageFault('unavailable', { database: path, text: messageOf(error), cause: error }, remedies);
}

/** Whether SQLite refused because another process holds the database. */
export function isBusy(error: unknown): boolean {
  return kindOf(error) === 'busy';
}

/** UNAVAILABLE `STORAGE_FLUSH_FAILED`: the disk did not write what was committed. */
export function flushError(error: unknown, path: string): MeshError {
  return storageFlushFailed({ path, detail: messageOf(error) }, { cause: error });
}
