import { hash } from 'node:crypto';
import { parseSql } from '../sql.ts';

/** What is known of a statement. */
export interface Statement {
  /** Under which name connections prepare it; without one it is prepared each time. */
  readonly name?: string;
  readonly readsOnly: boolean;
}

/** Statements by their text. */
export interface StatementCache {
  find(sql: string): Statement;
  /** What was prepared under the name of `statement` no longer fits: all statements are prepared under new names from now on. */
  renew(statement: Statement): void;
}

const maxNames = 512;

/**
 * Names statements so that a connection prepares each once. Connections keep what they prepared for as long as they live, so
 * no name is ever given to another text, in no process: behind a pooler a connection may serve several. Those beyond the
 * first 512 have none.
 */
export function createStatementCache(): StatementCache {
  let named = new Map<string, Statement>();
  let generation = 0;
  return {
    find(sql) {
      const known = named.get(sql);
      if (known !== undefined) return known;
      const { readsOnly } = parseSql(sql);
      if (named.size >= maxNames) return { readsOnly };
      const statement = { name: `mesh_${generation}_${hash('sha256', sql).slice(0, 32)}`, readsOnly };
      named.set(sql, statement);
      return statement;
    },
    renew({ name }) {
      // Others that used the old names find the same a little later.
      if (name === undefined || !name.startsWith(`mesh_${generation}_`)) return;
      generation += 1;
      named = new Map();
    },
  };
}
