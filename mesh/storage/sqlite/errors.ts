import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import { sqlForMessage } from '../sql.ts';

// https://sqlite.org/rescode.html; an extended code has the primary one in its low byte.
const busy = 5;
const locked = 6;
const readOnly = 8;
const ioError = 10;
const full = 13;
const cannotOpen = 14;

/** What a failed statement becomes: a MeshError when the disk or another process is at fault, else an Error with the SQL. */
export function sqliteError(error: unknown, sql: string, path: string): Error {
  const text = error instanceof Error ? error.message : String(error);
  switch (primaryCode(error)) {
    case full:
      return new MeshError(
        Status.UNAVAILABLE,
        'STORAGE_FULL',
        `the database ${path} cannot grow: ${text}; free space on its disk, it goes on by itself`,
        { cause: error },
      );
    case busy:
    case locked:
    case readOnly:
    case ioError:
    case cannotOpen:
      return new MeshError(
        Status.UNAVAILABLE,
        'STORAGE_UNAVAILABLE',
        `the database ${path} cannot be used: ${text}; check its disk and that no other process holds it`,
        { cause: error },
      );
    default:
      return new Error(`${text}, in: ${sqlForMessage(sql)}`);
  }
}

/** The refusal to open `path`: UNAVAILABLE `STORAGE_UNAVAILABLE`. */
export function cannotOpenError(error: unknown, path: string): MeshError {
  const text = error instanceof Error ? error.message : String(error);
  const message = `the database ${path} cannot be opened: ${text}; check that its folder can be written and that the file is a SQLite database`;
  return new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', message, { cause: error });
}

/** What every call gets after `close()`: UNAVAILABLE `STORAGE_UNAVAILABLE`. */
export function closedError(path: string): MeshError {
  return new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', `the database ${path} is closed; open it again`);
}

/** Whether SQLite refused because another process holds the database. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === busy;
}

function primaryCode(error: unknown): number | undefined {
  const known = error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
  return known ? (error.errcode as number) & 0xff : undefined;
}
