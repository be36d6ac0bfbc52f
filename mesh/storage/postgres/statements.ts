import { hash } from 'node:crypto';
import { parseSql } from '../sql.ts';

/** What is known of a statement. */
export interface PreparedStatement {
  /** Under which name connections prepare it; without one it is prepared each time. */
  readonly name?: string;
  readonly readsOnly: boolean;
}

/** Statements by their text. */
export interface StatementCache {
  find(sql: string): PreparedStatement;
  /** What was prepared under the name of `statement` no longer fits: all statements are prepared under new names from now on. */
  renew(statement: PreparedStatement): void;
}

const maxStatements = 512;
// Changes of a schema come one at a time. What goes stale so often is behind a pooler that keeps nothing prepared.
const maxRenewals = 10;
const renewalsWithinMs = 60_000;

/**
 * Names statements so that a connection prepares each once. Connections keep what they prepared for as long as they live, so
 * no name is ever given to another text, in no process: behind a pooler a connection may serve several. Those beyond the
 * first 512 have none, and none has one after 10 renewals within a minute of each other.
 */
export function createStatementCache(nowMs: () => number = () => performance.now()): StatementCache {
  let known = new Map<string, PreparedStatement>();
  let generation = 0;
  let renewals: { readonly count: number; readonly lastMs: number } | undefined;
  const isNaming = (): boolean => (renewals?.count ?? 0) < maxRenewals;
  return {
    find(sql) {
      const found = known.get(sql);
      if (found !== undefined) return found;
      const { readsOnly } = parseSql(sql);
      if (known.size >= maxStatements) return { readsOnly };
      const name = `mesh_${generation}_${hash('sha256', sql).slice(0, 32)}`;
      const statement = isNaming() ? { name, readsOnly } : { readsOnly };
      known.set(sql, statement);
      return statement;
    },
    renew({ name }) {
      // Others that used the old names report the same a little later.
      if (!isNaming() || !name?.startsWith(`mesh_${generation}_`)) return;
      const atMs = nowMs();
      const isRepeated = renewals !== undefined && atMs - renewals.lastMs < renewalsWithinMs;
      renewals = { count: isRepeated ? (renewals?.count ?? 0) + 1 : 1, lastMs: atMs };
      generation += 1;
      known = new Map();
    },
  };
}
