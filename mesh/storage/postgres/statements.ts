import { parseSql } from '../sql.ts';

/** What is known of a statement. */
export interface Statement {
  /** Under which name connections prepare it; without one it is prepared each time. */
  readonly name?: string;
  readonly readsOnly: boolean;
}

/** Finds a statement by its text. */
export type StatementCache = (sql: string) => Statement;

const maxNames = 512;

/**
 * Statements by their text, with names so that a connection prepares each once. Connections keep what they prepared for
 * as long as they live, so no name is ever given to another text: those beyond the first 512 have none.
 */
export function createStatementCache(): StatementCache {
  const named = new Map<string, Statement>();
  return (sql) => {
    const known = named.get(sql);
    if (known !== undefined) return known;
    const { readsOnly } = parseSql(sql);
    if (named.size >= maxNames) return { readsOnly };
    const statement = { name: `mesh_${named.size}`, readsOnly };
    named.set(sql, statement);
    return statement;
  };
}
