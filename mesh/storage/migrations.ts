import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { messageOf } from '../errors/error-text.ts';
import { migrationChanged } from './errors.ts';
import type { Dialect, Migration, Storage, Transaction } from './storage.ts';

/** A transaction that may change the schema. */
export interface SchemaTransaction extends Transaction {
  /** Runs one or several statements without parameters. */
  script(sql: string): Promise<void>;
}

/** The database whose schema is changed. */
export interface Schema {
  readonly dialect: Storage['dialect'];
  /** Makes the error of a damaged database from a text about the damage. */
  readonly damaged: (text: string) => Error;
}

const identity = {
  sqlite: 'INTEGER PRIMARY KEY AUTOINCREMENT',
  postgres: 'BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY',
};

/**
 * Reads the `*.sql` files of a folder, in the order of their names. `0001-init.sql` is the migration `0001-init`, and
 * `0002-drop.sqlite.sql` is `0002-drop`, for SQLite only (`Migration.only`).
 */
export async function loadMigrations(directory: URL): Promise<Migration[]> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.sql')).toSorted();
  return Promise.all(
    files.map(async (file) => {
      const [name = file, only] = file.slice(0, -'.sql'.length).split('.');
      const sql = await readFile(new URL(file, ensureTrailingSlash(directory)), 'utf8');
      return { name, sql, ...(only !== undefined && { only: requireDialect(file, only) }) };
    }),
  );
}

function requireDialect(file: string, name: string): Dialect {
  if (name !== 'sqlite' && name !== 'postgres')
    throw new Error(`the migration ${file} is for ${name}: name it *.sqlite.sql, *.postgres.sql or *.sql`);
  return name;
}

/**
 * Applies the missing migrations of a set within `tx`; the caller runs one at a time. A migration that was applied and has
 * changed since is refused with FAILED_PRECONDITION `MIGRATION_CHANGED`. If its record is damaged instead, `damaged` makes the
 * error.
 */
export async function applyMigrations(
  tx: SchemaTransaction,
  { dialect, damaged }: Schema,
  set: string,
  migrations: readonly Migration[],
): Promise<void> {
  await tx.script(
    'CREATE TABLE IF NOT EXISTS schema_migration (set_name TEXT NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL, apply_time BIGINT NOT NULL, PRIMARY KEY (set_name, name))',
  );
  const rows = await tx.query<{ name: string; checksum: string }>(
    'SELECT name, checksum FROM schema_migration WHERE set_name = $1',
    [set],
  );
  const applied = new Map(rows.map((row) => [row.name, row.checksum]));
  for (const migration of migrations.toSorted(byName)) {
    if (migration.only !== undefined && migration.only !== dialect) continue;
    const checksum = checksumOf(migration);
    const before = applied.get(migration.name);
    if (before === checksum) continue;
    if (before !== undefined) {
      const record = `the record of migration ${migration.name} of ${set} has changed`;
      throw isDamaged(before, checksum) ? damaged(record) : migrationChanged({ set, name: migration.name });
    }
    try {
      await tx.script(migration.sql.replaceAll('{{identity}}', identity[dialect]));
    } catch (error) {
      // Its record is lost: a flipped byte has changed its name or that of its set.
      const lost = `the record of migration ${migration.name} of ${set} is missing, but what it creates exists`;
      throw existsAlready.test(messageOf(error)) ? damaged(lost) : error;
    }
    await tx.execute('INSERT INTO schema_migration (set_name, name, checksum, apply_time) VALUES ($1, $2, $3, $4)', [
      set,
      migration.name,
      checksum,
      Date.now(),
    ]);
  }
}

const existsAlready = /already exists|duplicate column/;

function byName(a: Migration, b: Migration): number {
  return a.name < b.name ? -1 : 1;
}

/** Ignores how a checkout ends its lines. */
function checksumOf(migration: Migration): string {
  return createHash('sha256').update(migration.sql.replaceAll('\r\n', '\n')).digest('hex');
}

/** Checksums of different texts share about 4 of their 64 characters. If they share more than half, the text is the same. */
function isDamaged(stored: string, checksum: string): boolean {
  const common = [...checksum].filter((character, index) => character === stored[index]).length;
  return common > checksum.length / 2;
}

function ensureTrailingSlash(directory: URL): URL {
  return directory.href.endsWith('/') ? directory : new URL(`${directory.href}/`);
}
