import { Status } from 'nice-grpc-common';
import { defineError } from '../errors/define-error.ts';
import type { MeshError } from '../errors/mesh-error.ts';

/** Ends the remedy of a fault that passes while the database is open. */
export const continuesByItself = '; it continues by itself';

/** The text of an error that ended a start: then nothing continues by itself. */
export function startErrorText({ message }: MeshError): string {
  if (!message.endsWith(continuesByItself)) return message;
  return `${message.slice(0, -continuesByItself.length)} and start again`;
}

/** What an engine knows of a fault. `state` completes "database …": "is damaged". */
interface Trouble {
  /** Default: `database`. */
  readonly thing?: string;
  readonly database: string;
  readonly state: string;
  readonly detail: string;
  readonly remedy: string;
}

const text = ({ thing = 'database', database, state, detail, remedy }: Trouble) =>
  `${thing} ${database} ${state}: ${detail}; ${remedy}`;
const metadata = () => ({});

export const storageUnavailable = defineError({
  reason: 'STORAGE_UNAVAILABLE',
  code: Status.UNAVAILABLE,
  means: 'the database cannot be used, rejects writes, or waits for locks',
  fix: "see the server's log; it continues by itself",
  text,
  publicText: 'database cannot be used now: call again later',
  metadata,
});

export const storageClosed = storageUnavailable.variant({
  text: ({ database }: { readonly database: string }) => `database ${database} is closed: open it again`,
  publicText: 'database is closed: call again later',
  metadata,
});

export const storageMisconfigured = defineError({
  reason: 'STORAGE_MISCONFIGURED',
  code: Status.UNAVAILABLE,
  means: 'the database rejects this user, or is missing what this program needs',
  fix: 'fix the user, its rights or DATABASE_URL, or run the program that fits the schema',
  text,
  publicText: 'database does not accept this program: call again after its operator has fixed that',
  metadata,
});

export const storageCorrupt = defineError({
  reason: 'STORAGE_CORRUPT',
  code: Status.DATA_LOSS,
  means: 'the database is damaged',
  fix: 'stop the process, keep a copy of its data, and restore all databases with the data folder from one backup',
  text,
  publicText: 'stored data is damaged: call again after its operator has restored it',
  metadata,
});

export const storageTooLarge = defineError({
  reason: 'STORAGE_TOO_LARGE',
  code: Status.INTERNAL,
  means: 'a value or a statement is larger than the database accepts',
  fix: 'send less at a time',
  text,
  publicText: 'database does not accept that much: send less at a time',
  metadata,
});

export const storageFull = defineError({
  reason: 'STORAGE_FULL',
  code: Status.UNAVAILABLE,
  means: 'the database cannot grow, or the disk of the data folder is full',
  fix: 'free space; it continues by itself, but a start that failed must be repeated',
  text,
  publicText: 'database cannot grow now: call again later',
  metadata,
});

export const storageContention = defineError({
  reason: 'STORAGE_CONTENTION',
  code: Status.UNAVAILABLE,
  means: 'a transaction lost against others on every attempt',
  fix: 'call again',
  text: ({
    database,
    attempts,
    detail,
  }: {
    readonly database: string;
    readonly attempts: number;
    readonly detail: string;
  }) => `transaction on ${database} lost against others ${attempts} times: ${detail}; call again`,
  publicText: 'transaction lost against others on every attempt: call again',
  metadata,
});

export const storageOutcomeUnknown = defineError({
  reason: 'STORAGE_OUTCOME_UNKNOWN',
  code: Status.UNAVAILABLE,
  means: 'the connection was lost during a commit, which may have succeeded',
  fix: 'repeat with the same `request_id`',
  text: ({ database, detail }: { readonly database: string; readonly detail: string }) =>
    `connection to ${database} was lost during a commit, which may have succeeded: ${detail}; repeat the call with the same request_id`,
  publicText:
    'connection to the database was lost during a commit, which may have succeeded: repeat the call with the same request_id',
  metadata,
});

/** Not DATA_LOSS: callers are right to wait, and the open files have what was acknowledged. */
export const storageLost = defineError({
  reason: 'STORAGE_LOST',
  code: Status.UNAVAILABLE,
  means: 'a database was deleted, moved or replaced while it was in use',
  fix: 'do not end the process: copy its open files out of `/proc/<pid>/fd`, or restore a backup, then start again',
  text: ({ path }: { readonly path: string }) =>
    `database ${path} was deleted, moved or replaced while it was in use and accepts nothing more: do not end process ${process.pid} yet; copy its open files out of /proc/${process.pid}/fd, or restore a backup, then start again`,
  publicText: 'database accepts nothing more: call again after its operator has restored it',
  metadata: () => ({}),
});

export const storageFlushFailed = defineError({
  reason: 'STORAGE_FLUSH_FAILED',
  code: Status.UNAVAILABLE,
  means: 'the disk failed to write commits, which may be lost; what was answered before is kept',
  fix: 'check the disk, start the process again, and repeat with the same `request_id`',
  text: ({ path, detail }: { readonly path: string; readonly detail: string }) =>
    `database ${path} could not be written to its disk and accepts nothing more: ${detail}; check the disk, then start the process again`,
  publicText: 'database accepts nothing more: call again after its operator has repaired its disk',
  metadata: () => ({}),
});

export const transactionAwaitedOutside = defineError({
  reason: 'TRANSACTION_AWAITED_OUTSIDE',
  code: Status.INTERNAL,
  means: 'a transaction awaited something other than its own statements',
  fix: 'fix the code: do that work before or after it',
  text: 'transaction rolled back: it awaited something other than its own statements; do that work before or after it',
});

export const migrationChanged = defineError({
  reason: 'MIGRATION_CHANGED',
  code: Status.FAILED_PRECONDITION,
  means: 'a migration differs from the one that was applied',
  fix: 'restore it and add a new one',
  seenIn: 'start',
  text: ({ set, name }: { readonly set: string; readonly name: string }) =>
    `migration ${name} of ${set} differs from the one applied to this database: restore it and add a new one`,
  metadata,
});

export const invalidStorageUrl = defineError({
  reason: 'INVALID_STORAGE_URL',
  code: Status.INVALID_ARGUMENT,
  means: 'the URL does not name a database',
  fix: 'set `DATABASE_URL`',
  seenIn: 'start',
  text: ({ scheme }: { readonly scheme: string }) =>
    `database URL with scheme "${scheme}" is not supported: use sqlite:<path> or postgres://<user>@<host>/<database>`,
  metadata,
});

export const dataDirInUse = defineError({
  reason: 'DATA_DIR_IN_USE',
  code: Status.FAILED_PRECONDITION,
  means: 'another process uses the data folder',
  fix: 'stop it or set `DATA_DIR`',
  seenIn: 'start',
  text: ({ path, holder = 'another process' }: { readonly path: string; readonly holder?: string | undefined }) =>
    `data folder ${path} is used by ${holder}: stop it or set DATA_DIR to another folder`,
  metadata: ({ path }) => ({ path }),
});

export const notDamaged = defineError({
  reason: 'NOT_DAMAGED',
  code: Status.NOT_FOUND,
  means: 'no damage starts at that place',
  fix: 'list the damage with `make damaged`',
  seenIn: 'make damaged',
  text: ({ file, place }: { readonly file: string; readonly place: string }) =>
    `no damage in ${file} starts at ${place}: list the damage and name one of its places`,
  metadata,
});
