import { hash } from 'node:crypto';
import { parseSql } from '../sql.ts';

/** A statement and the name under which it is prepared. */
export interface PreparedStatement {
  /** Without a name it is prepared for each execution. */
  readonly name?: string;
  readonly readsOnly: boolean;
}

export interface StatementCache {
  find(sql: string): PreparedStatement;
  /** Called when what was prepared for `statement` is stale. All statements get new names from now on. */
  renew(statement: PreparedStatement): void;
}

const maxStatements = 512;
// Schema changes are rare. Statements that go stale so often are behind a pooler that keeps none prepared.
const maxRenewals = 10;
const renewalsWithinMs = 60_000;

/**
 * Names statements, so a connection prepares each once. Connections keep prepared statements as long as they live, so a name is
 * never reused for another text, in any process: behind a pooler a connection may serve several. Statements after the first 512
 * have no name, and none has one after 10 renewals within a minute of each other.
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
