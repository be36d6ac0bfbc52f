import { invalidStorageUrl } from './errors.ts';
import type { SqliteOptions } from './sqlite/sqlite.ts';
import type { Storage } from './storage.ts';

/**
 * Opens the database that `url` names: `sqlite:data/user.db` or `postgres://user@host/user`. Fails with INVALID_ARGUMENT
 * `INVALID_STORAGE_URL` for another scheme, and with UNAVAILABLE `STORAGE_UNAVAILABLE` when it cannot be used. With
 * `exclusive`, a SQLite file is this process's alone while it is open; `check` notes the time of `clock`.
 */
export async function openStorage(
  url: string,
  options: Pick<SqliteOptions, 'exclusive' | 'verify' | 'clock'> = {},
): Promise<Storage> {
  const scheme = url.slice(0, url.indexOf(':') + 1);
  // Loaded when they are asked for: a process uses one engine, and each costs time to start.
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
