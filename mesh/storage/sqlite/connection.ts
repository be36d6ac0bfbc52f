import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { isDataLoss } from '../../errors/codes.ts';
import type { MeshError } from '../../errors/mesh-error.ts';
import { type ParsedSql, parseSql } from '../sql.ts';
import type { Row, SqlValue } from '../storage.ts';
import { sqliteError } from './errors.ts';

interface Prepared {
  readonly sql: ParsedSql;
  readonly statement: StatementSync;
}

/** One connection to a SQLite file. It is synchronous and throws what `sqliteError` makes. */
export interface Connection {
  readonly path: string;
  /** The first failure that shows damage. It stays, because no later success repairs the file. */
  readonly damage: MeshError | undefined;
  /** Whether a transaction is open. SQLite ends one by itself after some failures. */
  inTransaction(): boolean;
  readsOnly(sql: string): boolean;
  rows<R extends Row>(sql: string, params: readonly SqlValue[]): R[];
  changes(sql: string, params: readonly SqlValue[]): number;
  /** Runs one or several statements without parameters. */
  script(sql: string): void;
  close(): void;
}

const maxPreparedStatements = 512;

/** Opens `path` with these pragmas. Throws the error of SQLite if that fails. */
export function connect(path: string, pragmas: readonly string[]): Connection {
  const database = new DatabaseSync(path, { readBigInts: true, enableForeignKeyConstraints: true });
  try {
    for (const pragma of pragmas) database.exec(`PRAGMA ${pragma}`);
  } catch (error) {
    database.close();
    throw error;
  }
  return createConnection(database, path);
}

function createConnection(database: DatabaseSync, path: string): Connection {
  const prepare = createStatementCache(database);
  let damage: MeshError | undefined;
  const attempt = <T>(sql: string, action: () => T): T => {
    try {
      return action();
    } catch (error) {
      const failure = sqliteError(error, sql, path);
      if (isDataLoss(failure)) damage ??= failure;
      throw failure;
    }
  };
  return {
    path,
    get damage() {
      return damage;
    },
    inTransaction: () => database.isTransaction,
    readsOnly: (sql) => attempt(sql, () => prepare(sql).sql.readsOnly),
    rows: <R extends Row>(sql: string, params: readonly SqlValue[]) =>
      attempt(sql, () => {
        const prepared = prepare(sql);
        return prepared.statement.all(...bindable(prepared.sql, params)) as R[];
      }),
    changes: (sql, params) =>
      attempt(sql, () => {
        const prepared = prepare(sql);
        const { changes } = prepared.statement.run(...bindable(prepared.sql, params));
        return prepared.sql.changesRows ? Number(changes) : 0;
      }),
    script: (sql) => attempt(sql, () => database.exec(sql)),
    close: () => database.close(),
  };
}

/** Prepares each text once and keeps the most recently used ones. */
function createStatementCache(database: DatabaseSync): (sql: string) => Prepared {
  const cache = new Map<string, Prepared>();
  let latest: string | undefined;
  return (sql) => {
    let prepared = cache.get(sql);
    // Moving an entry to the end costs too much for a point read. The latest one is already there.
    if (prepared !== undefined && sql === latest) return prepared;
    if (prepared === undefined) {
      const parsed = parseSql(sql);
      prepared = { sql: parsed, statement: database.prepare(parsed.numbered) };
      if (cache.size >= maxPreparedStatements) cache.delete(cache.keys().next().value ?? '');
    } else {
      cache.delete(sql);
    }
    cache.set(sql, prepared);
    latest = sql;
    return prepared;
  };
}

/** SQLite treats missing parameters as NULL and stores every JavaScript number as a float. Neither is intended. */
function bindable(sql: ParsedSql, params: readonly SqlValue[]): SqlValue[] {
  if (params.length !== sql.parameterCount) {
    throw new Error(`the statement has ${sql.parameterCount} parameters, but ${params.length} values were given`);
  }
  return params.map((value) => (typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value));
}
