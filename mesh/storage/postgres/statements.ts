import { hash } from 'node:crypto';
import { parseSql } from '../sql.ts';

/** A statement and the name under which it is prepared. */
export interface PreparedStatement {
  /** Without a name it is prepared for each execution. */
  readonly name?: string;
  readonly text: string;
  readonly readsOnly: boolean;
}

export interface StatementCache {
  find(sql: string): PreparedStatement;
  /** Called when what was prepared for `statement` no longer fits the schema. All statements are prepared again from now on. */
  renew(statement: PreparedStatement): void;
  /** Called when a connection lost what it had prepared. No statement has a name from now on. */
  stopNaming(): void;
}

const maxStatements = 512;

/**
 * Names statements, so a connection prepares each once. Connections keep prepared statements as long as they live, so a name is
 * never reused for another text, in any process: behind a pooler a connection may serve several. Statements after the first 512
 * have no name.
 */
export function createStatementCache(): StatementCache {
  let known = new Map<string, PreparedStatement>();
  let generation = 0;
  let isNaming = true;
  return {
    find(sql) {
      const found = known.get(sql);
      if (found !== undefined) return found;
      const { readsOnly } = parseSql(sql);
      if (known.size >= maxStatements) return { text: sql, readsOnly };
      // Also in the text, because a pooler that keeps prepared statements finds them by it.
      const text = generation === 0 ? sql : `${sql} /* ${generation} */`;
      const name = `mesh_${hash('sha256', text).slice(0, 32)}`;
      const statement = { ...(isNaming ? { name } : {}), text, readsOnly };
      known.set(sql, statement);
      return statement;
    },
    renew({ text }) {
      // Others that used the old names report the same a little later.
      if (!text.endsWith(generation === 0 ? '' : ` /* ${generation} */`)) return;
      generation += 1;
      known = new Map();
    },
    stopNaming() {
      if (!isNaming) return;
      isNaming = false;
      known = new Map();
    },
  };
}
