import type { SchemaTransaction } from '../migrations.ts';
import type { Row, SqlValue } from '../storage.ts';
import type { TransactionState } from '../transaction-state.ts';
import type { Connection } from './connection.ts';

/** The calls of a transaction on `connection`. The caller opens and closes its savepoint. */
export function createTransaction(connection: Connection, state: TransactionState): SchemaTransaction {
  const fail = (error: unknown): never => {
    state.fail(error);
    throw error;
  };
  return {
    async query<R extends Row>(sql: string, params: readonly SqlValue[] = []) {
      state.throwIfOver();
      try {
        return connection.rows<R>(sql, params);
      } catch (error) {
        return fail(error);
      }
    },
    async execute(sql, params = []) {
      state.throwIfOver();
      try {
        return connection.changes(sql, params);
      } catch (error) {
        return fail(error);
      }
    },
    async insert(sql, params) {
      state.throwIfOver();
      try {
        return connection.insert(sql, params);
      } catch (error) {
        return fail(error);
      }
    },
    defer(sql, params = []) {
      state.throwIfOver();
      try {
        connection.changes(sql, params);
      } catch (error) {
        state.fail(error);
      }
    },
    async script(sql) {
      state.throwIfOver();
      try {
        connection.script(sql);
      } catch (error) {
        fail(error);
      }
    },
    dialect: 'sqlite',
    afterCommit: state.afterCommit,
  };
}
