import { type Config, databaseUrlOf } from '../config/config.ts';
import { databaseShared } from './errors.ts';

/**
 * FAILED_PRECONDITION `DATABASE_SHARED` when `DATABASE_URL` names one database for `count` services. Each has tables of the
 * same names (outbox, inbox, ...), so none may open the database of another.
 */
export function checkDatabases(config: Config, count: number): void {
  if (count > 1 && databaseUrlOf(config, 'a') === databaseUrlOf(config, 'b'))
    throw databaseShared({ sharers: 'several services' });
}
