import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { isDataLoss } from '../../errors/codes.ts';
import type { MeshError } from '../../errors/mesh-error.ts';
import { type ParsedSql, parseSql } from '../sql.ts';
import type { Row, SqlValue } from '../storage.ts';
import { sqliteError } from './errors.ts';

interface Prepared extends ParsedSql {
  readonly statement: StatementSync;
  isUsed: boolean;
  /** The names of its columns, and the version of the schema in which they were read. */
  columns: readonly string[];
  columnsOf: number;
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
  /** Runs an INSERT of one row, and returns its rowid; `undefined` if the row was not added. */
  insert(sql: string, params: readonly SqlValue[]): bigint | undefined;
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
  // Counts what may have changed a table, and with it the columns of a prepared statement that reads all of them.
  let schema = 0;
  const failure = (error: unknown, sql: string): Error => {
    // It may have ended the transaction, and taken back what changed a table.
    schema += 1;
    const failed = sqliteError(error, sql, path);
    if (isDataLoss(failed)) damage ??= failed;
    return failed;
  };
  return {
    path,
    get damage() {
      return damage;
    },
    inTransaction: () => database.isTransaction,
    readsOnly(sql) {
      try {
        return prepare(sql).readsOnly;
      } catch (error) {
        throw failure(error, sql);
      }
    },
    rows<R extends Row>(sql: string, params: readonly SqlValue[]) {
      try {
        const prepared = prepare(sql);
        if (prepared.changesSchema) schema += 1;
        // Arrays, because of `setReturnArrays`.
        const found = prepared.statement.all(...bindable(prepared, params)) as unknown as SqlValue[][];
        if (found.length === 0) return [];
        if (prepared.columnsOf !== schema) readColumns(prepared, schema);
        return found.map((values) => rowOf(prepared.columns, values) as R);
      } catch (error) {
        throw failure(error, sql);
      }
    },
    changes(sql, params) {
      try {
        const prepared = prepare(sql);
        if (prepared.changesSchema) schema += 1;
        const { changes } = prepared.statement.run(...bindable(prepared, params));
        return prepared.changesRows ? Number(changes) : 0;
      } catch (error) {
        throw failure(error, sql);
      }
    },
    insert(sql, params) {
      try {
        const prepared = prepare(sql);
        const { changes, lastInsertRowid } = prepared.statement.run(...bindable(prepared, params));
        return Number(changes) === 0 ? undefined : BigInt(lastInsertRowid);
      } catch (error) {
        throw failure(error, sql);
      }
    },
    script(sql) {
      schema += 1;
      try {
        database.exec(sql);
      } catch (error) {
        throw failure(error, sql);
      }
    },
    close: () => database.close(),
  };
}

/** Prepares each text once. When there are too many, those leave that were not used since the cache looked at them last. */
function createStatementCache(database: DatabaseSync): (sql: string) => Prepared {
  const cache = new Map<string, Prepared>();
  const makeRoom = (): void => {
    for (const [sql, prepared] of cache) {
      cache.delete(sql);
      if (!prepared.isUsed) return;
      prepared.isUsed = false;
      cache.set(sql, prepared);
    }
  };
  return (sql) => {
    let prepared = cache.get(sql);
    if (prepared === undefined) {
      const parsed = parseSql(sql);
      const statement = database.prepare(parsed.numbered);
      // Rows as `node:sqlite` makes them are slow to make and to read, because their prototype is `null`.
      statement.setReturnArrays(true);
      prepared = { ...parsed, statement, isUsed: false, columns: [], columnsOf: -1 };
      if (cache.size >= maxPreparedStatements) makeRoom();
      cache.set(sql, prepared);
    }
    prepared.isUsed = true;
    return prepared;
  };
}

function readColumns(prepared: Prepared, schema: number): void {
  prepared.columns = prepared.statement.columns().map(({ name }) => name);
  prepared.columnsOf = schema;
}

function rowOf(columns: readonly string[], values: readonly SqlValue[]): Row {
  const row: Record<string, SqlValue> = {};
  for (let index = 0; index < columns.length; index += 1) row[columns[index] as string] = values[index] as SqlValue;
  return row;
}

/** SQLite treats missing parameters as NULL and stores every JavaScript number as a float. Neither is intended. */
function bindable({ parameterCount }: ParsedSql, params: readonly SqlValue[]): readonly SqlValue[] {
  if (params.length !== parameterCount) {
    throw new Error(`the statement has ${parameterCount} parameters, but ${params.length} values were given`);
  }
  return params.map(toBindable);
}

function toBindable(value: SqlValue): SqlValue {
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
}
