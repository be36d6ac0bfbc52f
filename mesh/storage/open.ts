import { invalidStorageUrl } from './errors.ts';
import type { PostgresOptions } from './postgres/postgres.ts';
import type { SqliteOptions } from './sqlite/sqlite.ts';
import type { Storage } from './storage.ts';

/** Settings of a database. Each engine uses its own. */
export type StorageOptions = Pick<SqliteOptions, 'exclusive' | 'verify' | 'clock'> &
  Pick<PostgresOptions, 'poolSize' | 'directUrl' | 'tls' | 'logger'>;

/**
 * Opens the database at `url`: `sqlite:data/user.db` or `postgres://user@host/user`. Throws INVALID_ARGUMENT
 * `INVALID_STORAGE_URL` for another scheme, and UNAVAILABLE `STORAGE_UNAVAILABLE` if it cannot be used. With `exclusive`, no
 * other process can use a SQLite file while it is open. `check` records the time of `clock`.
 */
export async function openStorage(url: string, options: StorageOptions = {}): Promise<Storage> {
  const scheme = url.slice(0, url.indexOf(':') + 1);
  // Loaded on demand: a process uses one engine, and loading each takes time.
  if (scheme === 'sqlite:' && url.length > scheme.length) {
    const { openSqlite } = await import('./sqlite/sqlite.ts');
    return openSqlite(url.slice(scheme.length), options);
  }
  if (scheme === 'postgres:' || scheme === 'postgresql:') {
    const { openPostgres } = await import('./postgres/postgres.ts');
    return openPostgres(url, options);
  }
  throw invalidStorageUrl({ scheme });
}
