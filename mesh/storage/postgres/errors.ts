import pg from 'pg';
import { messageOf } from '../../errors/error-text.ts';
import type { MeshError } from '../../errors/mesh-error.ts';
import { continuesByItself, storageContention, storageOutcomeUnknown } from '../errors.ts';
import { type FaultSubject, type Remedies, type StorageFault, storageFault } from '../faults.ts';
import { sqlForMessage } from '../sql.ts';
import { hintOf } from './hints.ts';
import { kindOfState, type StateKind } from './sql-states.ts';
import { InvalidParameter } from './values.ts';

const remedies: Remedies = {
  unavailable: 'check that it runs and accepts connections, and whether locks block those of this process',
  busy: 'check pg_stat_activity for long-held locks, and lock_timeout and statement_timeout of this user',
  full: `free space on its disk${continuesByItself}`,
  'read-only': 'after a failover, point DATABASE_URL to the primary; connections to this server are closed',
  denied: 'fix the user and password in DATABASE_URL, or grant that user the right',
  'wrong-schema':
    'check that DATABASE_URL names the right database, and that no other version of this program changed it',
  corrupt: 'stop this process, restore the database from a backup or fail over to a standby, and start it again',
  'too-large': 'send less at a time',
};

/** The error of a failed statement: a MeshError if the database is at fault, otherwise an Error with the SQL. */
export function postgresError(error: unknown, sql: string, server: string): Error {
  if (error instanceof InvalidParameter) return new Error(`${error.message}, in: ${sqlForMessage(sql)}`);
  const kind = kindOf(error);
  // The engine's own error is not its cause, because its detail can have values of the row.
  if (kind === 'statement') return new Error(`${textOf(error)} (${sqlState(error)}), in: ${sqlForMessage(sql)}`);
  const text = aboutStatements.has(kind) ? `${textOf(error)}, in: ${sqlForMessage(sql)}` : textOf(error);
  return fault(kind, text, server, error);
}

/** The error of a failed attempt to connect or to begin a transaction. */
export function connectError(error: unknown, server: string): MeshError {
  const hint = hintOf(error);
  if (hint === undefined) return fault(kindOf(error), textOf(error), server, error);
  const { fault: kind, remedy } = hint;
  return storageFault(kind, subject(server, textOf(error), error), { ...remedies, [kind]: remedy });
}

/** UNAVAILABLE `STORAGE_MISCONFIGURED`: the URL that must lead to the server leads to a pooler. */
export function pooledDirectUrlError(server: string): MeshError {
  const remedy = 'name the server itself in DATABASE_DIRECT_URL';
  const text = 'DATABASE_DIRECT_URL leads to a connection pooler, which cannot listen';
  return storageFault(
    'wrong-schema',
    { database: server, text, cause: undefined },
    { ...remedies, 'wrong-schema': remedy },
  );
}

/** The error of a failed COMMIT: UNAVAILABLE `STORAGE_OUTCOME_UNKNOWN` if it may or may not be durable. */
export function commitError(error: unknown, server: string): Error {
  if (!leavesUnknown(error)) return postgresError(error, 'COMMIT', server);
  return storageOutcomeUnknown({ database: server, detail: textOf(error) }, { cause: error });
}

/**
 * Whether what was sent may have run in spite of this error: the connection is lost, or the server of a pooler, which then
 * reports that by an error of its own.
 */
export function leavesUnknown(error: unknown): boolean {
  return unknownAtCommit.has(kindOf(error));
}

/** The error of every call after `close()`: UNAVAILABLE `STORAGE_UNAVAILABLE`. */
export function closedError(server: string): MeshError {
  return fault('unavailable', 'it was closed by this process', server, undefined);
}

/** DATA_LOSS `STORAGE_CORRUPT`. `text`: what is damaged. */
export function corruptError(server: string, text: string): MeshError {
  return fault('corrupt', text, server, undefined);
}

/** The error after the last attempt lost its race: UNAVAILABLE `STORAGE_CONTENTION`. */
export function contentionError(error: unknown, server: string, attempts: number): MeshError {
  return storageContention({ database: server, attempts, detail: textOf(error) }, { cause: error });
}

/** Whether the work had no effect and may succeed when it runs again. */
export function mayRunAgain(error: unknown): boolean {
  return error !== undefined && (kindOf(error) === 'lost-race' || kindOf(error) === 'stale');
}

/** The kind of an error. An error that is not from the server is a fault of the connection to it. */
export function kindOf(error: unknown): StateKind {
  return error instanceof pg.DatabaseError ? kindOfState(error.code ?? '', error.routine) : 'ended';
}

/** The SQLSTATE of an error; `undefined` if it is not from the server. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

const aboutStatements: ReadonlySet<StateKind> = new Set(['denied', 'wrong-schema', 'too-large']);
const unknownAtCommit: ReadonlySet<StateKind> = new Set(['ended', 'unavailable', 'outcome-unknown']);

function fault(kind: StateKind, text: string, server: string, cause: unknown): MeshError {
  return storageFault(faultOf(kind), subject(server, text, cause), remedies);
}

/** `server`: `<host>:<port>/<database>`. */
function subject(server: string, text: string, cause: unknown): FaultSubject {
  return { database: server, text, cause, host: server.slice(0, server.indexOf('/')) };
}

function faultOf(kind: StateKind): StorageFault {
  switch (kind) {
    case 'lost-race':
    case 'stale':
      return 'busy';
    case 'ended':
    case 'outcome-unknown':
    case 'statement':
      return 'unavailable';
    default:
      return kind;
  }
}

/** A refused connection to a name with several addresses is an AggregateError without a message. */
function textOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(textOf).join(', ');
  return messageOf(error);
}
