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
  isQuiet(): boolean;
  /** As `quiet`, and no statement is taken from then on. */
  finish(): Promise<void>;
  /** What the engine said when the first statement failed. */
  engineError(): unknown;
}

/** A transaction on `connection`, whose beginning and end are the caller's. Its statements run one at a time. */
export function createTransaction(
  connection: Connection,
  state: TransactionState,
  server: string,
  signal: AbortSignal | undefined,
): PostgresTransaction {
  let previous: Promise<unknown> = Promise.resolve();
  let underWay = 0;
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
    underWay += 1;
    const result = previous
      .then(() => attempt(sql, statement))
      .finally(() => {
        underWay -= 1;
      });
    previous = result.catch(() => undefined);
    return result;
  };
  return {
    calls: {
      query: async <R extends Row>(sql: string, params: readonly SqlValue[] = []) =>
        (await run(sql, () => connection.run<R>(sql, params, signal))).rows,
      execute: async (sql, params = []) => (await run(sql, () => connection.run(sql, params, signal))).changes,
      script: async (sql) => void (await run(sql, () => connection.script(sql))),
      afterCommit: state.afterCommit,
    },
    async quiet() {
      while (underWay > 0) await previous;
    },
    isQuiet: () => underWay === 0,
    async finish() {
      while (underWay > 0) await previous;
      // In the same step: nothing can slip in between.
      state.end();
    },
    engineError: () => engineError,
  };
}
