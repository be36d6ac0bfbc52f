import type { SchemaTransaction } from '../migrations.ts';
import type { Row, SqlValue } from '../storage.ts';
import type { TransactionState } from '../transaction-state.ts';
import type { Connection } from './connection.ts';
import { postgresError } from './errors.ts';

/** The calls of a transaction and what its runner has to know. */
export interface PostgresTransaction {
  readonly calls: SchemaTransaction;
  /** Resolves when no statement is under way, also one that nobody awaits. */
  quiet(): Promise<void>;
  /** What the engine said when the first statement failed. */
  engineError(): unknown;
}

/** A transaction on `connection`, whose BEGIN and COMMIT are the caller's. Its statements run one at a time. */
export function createTransaction(
  connection: Connection,
  state: TransactionState,
  server: string,
): PostgresTransaction {
  let previous: Promise<unknown> = Promise.resolve();
  let engineError: unknown;

  const attempt = async <T>(sql: string, statement: () => Promise<T>): Promise<T> => {
    state.throwIfOver();
    try {
      return await statement();
    } catch (error) {
      engineError ??= error;
      state.fail(postgresError(error, sql, server));
      throw state.failure();
    }
  };
  const run = <T>(sql: string, statement: () => Promise<T>): Promise<T> => {
    const result = previous.then(() => attempt(sql, statement));
    previous = result.catch(() => undefined);
    return result;
  };
  return {
    calls: {
      query: async <R extends Row>(sql: string, params: readonly SqlValue[] = []) =>
        (await run(sql, () => connection.run<R>(sql, params))).rows,
      execute: async (sql, params = []) => (await run(sql, () => connection.run(sql, params))).changes,
      script: async (sql) => void (await run(sql, () => connection.script(sql))),
      afterCommit: state.afterCommit,
    },
    quiet: async () => void (await previous),
    engineError: () => engineError,
  };
}
