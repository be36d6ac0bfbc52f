import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { oneLine } from './statements-in-source.ts';

/** A statement that was executed. */
export interface ExecutedStatement {
  /** In one line. */
  readonly text: string;
  /** The name of its database on PostgreSQL; `undefined` on SQLite. */
  readonly database: string | undefined;
  /** The steps of its plan on SQLite. */
  readonly sqlitePlan: readonly string[];
}

const planned = /^\s*(?:--[^\n]*\n\s*)*(?:SELECT|INSERT|UPDATE|DELETE|WITH|VALUES)\b/;

/** How limits are written for SQLite, which then compiles a statement once. */
const limitOnSqlite = /LIMIT CAST\((\$\d+) AS INTEGER\)/g;

/** Records each statement that this process executes on either database, until `stop`. */
export function recordStatements() {
  const executed = new Map<string, ExecutedStatement>();
  const sqliteDatabases = new Set<DatabaseSync>();
  const { prepare } = DatabaseSync.prototype;
  const { query } = pg.Client.prototype;

  const recordOnPostgres = (sql: string | undefined, database: unknown): void => {
    if (sql === undefined || !planned.test(sql)) return;
    const text = oneLine(sql);
    executed.set(`postgres ${text}`, { text, database: String(database), sqlitePlan: [] });
  };

  DatabaseSync.prototype.prepare = function prepareRecorded(this: DatabaseSync, sql: string) {
    const text = oneLine(sql).replaceAll(limitOnSqlite, 'LIMIT $1');
    sqliteDatabases.add(this);
    if (planned.test(sql) && !executed.has(`sqlite ${text}`))
      executed.set(`sqlite ${text}`, { text, database: undefined, sqlitePlan: explainOnSqlite(this, sql, prepare) });
    return prepare.call(this, sql);
  };
  pg.Client.prototype.query = function queryRecorded(this: pg.Client, ...args: unknown[]) {
    const [config] = args;
    const batch = config as Batch;
    if (typeof config === 'string') recordOnPostgres(config, this.database);
    else if (batch.submit === undefined) recordOnPostgres(batch.text, this.database);
    else batch.submit = submitRecorded(batch.submit, (sql) => recordOnPostgres(sql, this.database));
    return (query as (...all: unknown[]) => unknown).apply(this, args);
  } as typeof query;

  return {
    executed: () => [...executed.values()],
    /** The SQLite databases that are open. */
    sqliteDatabases: () => [...sqliteDatabases].filter(({ isOpen }) => isOpen),
    stop() {
      DatabaseSync.prototype.prepare = prepare;
      pg.Client.prototype.query = query;
    },
  };
}

/** What a client of PostgreSQL is given: one statement, or what sends several itself. */
interface Batch {
  readonly text?: string;
  submit?: Submit;
}

interface Wire {
  parse(statement: { readonly text: string }): void;
}

type Submit = (wire: Wire) => unknown;

/** Records what a batch has parsed, which each connection does with a statement once. */
function submitRecorded(submit: Submit, record: (sql: string) => void): Submit {
  return function submitBatch(this: unknown, wire) {
    const { parse } = wire;
    wire.parse = (statement) => {
      record(statement.text);
      parse.call(wire, statement);
    };
    try {
      return submit.call(this, wire);
    } finally {
      wire.parse = parse;
    }
  };
}

/** Returns the steps of a plan: `SEARCH users USING INDEX users_by_role (role=? AND id>?)`. */
export function explainOnSqlite(
  database: DatabaseSync,
  sql: string,
  prepare: DatabaseSync['prepare'] = DatabaseSync.prototype.prepare,
): string[] {
  const rows = prepare.call(database, `EXPLAIN QUERY PLAN ${sql.replaceAll(/\$(\d+)/g, '?$1')}`).all();
  return rows.map(({ detail }) => String(detail));
}
