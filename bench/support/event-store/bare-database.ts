import { DatabaseSync, type StatementSync } from 'node:sqlite';
import pg from 'pg';
import type { SqlValue } from '../../../mesh/storage/storage.ts';
import { runConcurrently } from '../concurrency.ts';

/** A database through its driver alone: statements prepared once, and rows as the driver returns them. */
export interface BareDatabase {
  /** Runs and commits a statement. Parameters are written as `$1`. */
  query<R extends object>(sql: string, params: readonly SqlValue[]): Promise<R[]>;
  /**
   * Runs a statement for each set of parameters, durably, as with `writers` writers that each wait for their result. SQLite
   * has one connection, on which they share a commit. PostgreSQL has a pool with one commit per statement, and the server
   * combines flushes to disk.
   */
  writeEach(sql: string, paramsOfEach: readonly (readonly SqlValue[])[], writers: number): Promise<void>;
  close(): Promise<void>;
}

// The pool size of our storage.
const connections = 5;

/** Opens a database with `node:sqlite` or `pg`, with the same durability as our storage. */
export function openBare(url: string): BareDatabase {
  const scheme = 'sqlite:';
  return url.startsWith(scheme) ? openBareSqlite(url.slice(scheme.length)) : openBarePostgres(url);
}

function openBareSqlite(path: string): BareDatabase {
  const database = new DatabaseSync(path, { readBigInts: true });
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  const prepared = new Map<string, StatementSync>();
  const statementOf = (sql: string): StatementSync => {
    const statement = prepared.get(sql) ?? database.prepare(sql.replaceAll(/\$(\d+)/g, '?$1'));
    prepared.set(sql, statement);
    return statement;
  };
  return {
    query: async <R extends object>(sql: string, params: readonly SqlValue[]) => statementOf(sql).all(...params) as R[],
    async writeEach(sql, paramsOfEach, writers) {
      const statement = statementOf(sql);
      for (let from = 0; from < paramsOfEach.length; from += writers) {
        database.exec('BEGIN IMMEDIATE');
        for (const params of paramsOfEach.slice(from, from + writers)) statement.all(...params);
        database.exec('COMMIT');
      }
    },
    close: async () => database.close(),
  };
}

function openBarePostgres(url: string): BareDatabase {
  const pool = new pg.Pool({ connectionString: url, max: connections, options: '-c synchronous_commit=on' });
  const names = new Map<string, string>();
  const query = async <R extends object>(text: string, params: readonly SqlValue[]): Promise<R[]> => {
    const name = names.get(text) ?? `bare${names.size}`;
    names.set(text, name);
    return (await pool.query({ name, text, values: [...params] })).rows as R[];
  };
  return {
    query,
    writeEach: async (sql, paramsOfEach, writers) =>
      void (await runConcurrently(paramsOfEach.length, writers, (index) => query(sql, paramsOfEach[index] ?? []))),
    close: () => pool.end(),
  };
}
