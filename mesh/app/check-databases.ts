import { Status } from 'nice-grpc-common';
import { type Config, databaseUrlOf } from '../config/config.ts';
import { MeshError } from '../errors/mesh-error.ts';

/**
 * FAILED_PRECONDITION `DATABASE_SHARED` when `DATABASE_URL` names one database for `count` services. Each has tables of the
 * same names (outbox, inbox, ...), so none may open the database of another.
 */
export function checkDatabases(config: Config, count: number): void {
  if (count > 1 && databaseUrlOf(config, 'a') === databaseUrlOf(config, 'b')) throw sharedDatabase('several services');
}

/** FAILED_PRECONDITION `DATABASE_SHARED`: `sharers` would have one database. */
export function sharedDatabase(sharers: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'DATABASE_SHARED',
    `DATABASE_URL names one database for ${sharers}: write <service> where it has the database's name`,
  );
}
