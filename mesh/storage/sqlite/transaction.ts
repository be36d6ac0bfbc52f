import { AsyncResource } from 'node:async_hooks';
import type { SchemaTransaction } from '../migrations.ts';
import type { Row, SqlValue } from '../storage.ts';
import type { Connection } from './connection.ts';

/** A transaction as its runner sees it. */
export interface SqliteTransaction extends SchemaTransaction {
  /** Why it cannot be committed: what a statement of it threw, or the signal's reason. */
  failure(): unknown;
  /** No call is taken any more. */
  end(): void;
  /** What is to be called once it is durable. */
  readonly afterCommitActions: readonly (() => void)[];
}

/** A transaction on `connection`, whose savepoint the caller opens and closes. */
export function createTransaction(connection: Connection, signal: AbortSignal | undefined): SqliteTransaction {
  const afterCommitActions: (() => void)[] = [];
  let failure: unknown;
  let ended = false;

  const run = <T>(action: () => T): T => {
    if (ended) throw new Error('the transaction has ended: its calls must be awaited inside of its work');
    if (failure !== undefined) throw failure;
    try {
      signal?.throwIfAborted();
      return action();
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  return {
    query: async <R extends Row>(sql: string, params: readonly SqlValue[] = []) =>
      run(() => connection.rows<R>(sql, params)),
    execute: async (sql, params = []) => run(() => connection.changes(sql, params)),
    script: async (sql) => run(() => connection.script(sql)),
    afterCommit: (action) => run(() => void afterCommitActions.push(AsyncResource.bind(action))),
    failure: () => (signal?.aborted === true ? signal.reason : failure),
    end: () => {
      ended = true;
    },
    afterCommitActions,
  };
}
