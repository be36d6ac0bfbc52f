import type { SchemaTransaction } from '../migrations.ts';
import type { Row, SqlValue } from '../storage.ts';
import type { TransactionState } from '../transaction-state.ts';
import type { Connection } from './connection.ts';

/** The calls of a transaction on `connection`. The caller opens and closes its savepoint. */
export function createTransaction(connection: Connection, state: TransactionState): SchemaTransaction {
  const run = <T>(action: () => T): T => {
    state.throwIfOver();
    try {
      return action();
    } catch (error) {
      state.fail(error);
      throw error;
    }
  };
  return {
    query: async <R extends Row>(sql: string, params: readonly SqlValue[] = []) =>
      run(() => connection.rows<R>(sql, params)),
    execute: async (sql, params = []) => run(() => connection.changes(sql, params)),
    script: async (sql) => run(() => connection.script(sql)),
    dialect: 'sqlite',
    afterCommit: state.afterCommit,
  };
}
