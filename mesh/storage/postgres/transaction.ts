import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '../../time/backoff.ts';
import type { SchemaTransaction } from '../migrations.ts';
import type { Row, SqlValue } from '../storage.ts';
import { createTransactionState, type TransactionState } from '../transaction-state.ts';
import type { Connection, Result } from './connection.ts';
import { commitError, connectError, contentionError, mayRunAgain, postgresError } from './errors.ts';
import { NotRun } from './statement-queue.ts';

/** What a transaction does. */
export type TransactionWork<T> = (tx: SchemaTransaction) => Promise<T>;

/** Work that can be committed. */
export interface DoneWork<T> {
  readonly value: T;
  /** Runs what waits for the commit. */
  committed(): void;
}

/** Why work cannot be committed. */
export interface FailedWork {
  readonly error: unknown;
  /** The error of the engine when the first statement failed. */
  readonly engineError: unknown;
}

/** Runs `work` in a transaction. It runs again from its start when it lost a race or found a stale statement. */
export async function runTransaction<T>(
  acquire: () => Promise<Connection>,
  server: string,
  work: TransactionWork<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let attempts = 1; ; attempts += 1) {
    const outcome = await runOnce(acquire, server, work, signal);
    if ('value' in outcome) return outcome.value;
    if (!mayRunAgain(outcome.engineError)) throw outcome.error;
    await waitBeforeRunningAgain(outcome.engineError, server, attempts);
  }
}

async function runOnce<T>(
  acquire: () => Promise<Connection>,
  server: string,
  work: TransactionWork<T>,
  signal: AbortSignal | undefined,
): Promise<DoneWork<T> | FailedWork> {
  const connection = await acquire();
  try {
    await begin(connection, server);
    const outcome = await runAndCommit(connection, server, ({ calls }) => work(calls), signal);
    if ('value' in outcome) outcome.committed();
    return outcome;
  } finally {
    connection.release();
  }
}

const maxAttempts = 6;
const retryDelayMs = backoff({ firstMs: 10, maxMs: 160, jitter: [0, 1] });

/**
 * Waits before a transaction that lost a race, or found a stale statement, runs again: a random time that grows with its
 * `attempts` so far. Rejects with UNAVAILABLE `STORAGE_CONTENTION` after six attempts.
 */
export async function waitBeforeRunningAgain(error: unknown, server: string, attempts: number): Promise<void> {
  if (attempts >= maxAttempts) throw contentionError(error, server, attempts);
  await sleep(retryDelayMs(attempts));
}

/** Begins a transaction; throws why that failed, if it is known before the first statement. */
export async function begin(connection: Connection, server: string): Promise<void> {
  try {
    await connection.begin();
  } catch (error) {
    throw connectError(error, server);
  }
}

/** Commits; returns why that failed. */
export async function commit(connection: Connection, server: string): Promise<FailedWork | undefined> {
  try {
    await connection.commit();
    return undefined;
  } catch (error) {
    return { error: commitError(error, server), engineError: error };
  }
}

/** Rolls back. If that fails, the connection is closed and the server rolls back. */
export async function rollback(connection: Connection): Promise<void> {
  await connection.rollback().catch(() => undefined);
}

/** Does the work of a transaction on a connection, where it was begun. No statement is in progress afterwards. */
export type WorkRunner = <T>(
  connection: Connection,
  server: string,
  work: (tx: PostgresTransaction) => Promise<T>,
  signal: AbortSignal | undefined,
) => Promise<DoneWork<T> | FailedWork>;

/** Runs `work`; the caller commits or rolls back. */
export const runWork: WorkRunner = async (connection, server, work, signal) => {
  const state = createTransactionState(signal);
  const tx = createTransaction(connection, state, server, signal);
  try {
    const value = await work(tx);
    await tx.finish();
    state.throwIfFailed();
    return { value, committed: state.committed };
  } catch (error) {
    state.end();
    await tx.finish();
    return { error, engineError: tx.engineError() };
  }
};

/** Runs `work` and commits, in one message with statements that it does not await; or rolls back. */
export const runAndCommit: WorkRunner = async (connection, server, work, signal) => {
  const state = createTransactionState(signal);
  const tx = createTransaction(connection, state, server, signal);
  const undo = async (error: unknown): Promise<FailedWork> => {
    await rollback(connection);
    return { error, engineError: tx.engineError() };
  };
  let value: Awaited<ReturnType<typeof work>>;
  try {
    value = await work(tx);
    state.end();
    state.throwIfFailed();
  } catch (error) {
    state.end();
    await tx.finish();
    return await undo(error);
  }
  const failed = await commit(connection, server);
  await tx.finish();
  if (failed === undefined) return { value, committed: state.committed };
  return failed.engineError instanceof NotRun ? await undo(state.failure()) : failed;
};

/** The calls of a transaction, and what its runner has to know. */
export interface PostgresTransaction {
  readonly calls: SchemaTransaction;
  /** Resolves when no statement is in progress, including those that nobody awaits. */
  quiet(): Promise<void>;
  isQuiet(): boolean;
  /** As `quiet`; no statement is accepted afterwards. */
  finish(): Promise<void>;
  /** The error of the engine when the first statement failed. */
  engineError(): unknown;
}

/** A transaction on `connection`. Its statements run in the order of their calls. */
function createTransaction(
  connection: Connection,
  state: TransactionState,
  server: string,
  signal: AbortSignal | undefined,
): PostgresTransaction {
  // Settles when all calls so far have.
  let last: Promise<void> = Promise.resolve();
  let inProgress = 0;
  let engineError: unknown;

  const failedBy = (error: unknown, sql: string): unknown => {
    const isNotRun = error instanceof NotRun;
    engineError ??= isNotRun ? error.cause : error;
    // One before it recorded its failure already, unless that was the beginning of the transaction.
    state.fail(isNotRun ? connectError(error.cause, server) : postgresError(error, sql, server));
    return state.failure();
  };
  const attempt = async <T>(sql: string, statement: () => Promise<T>): Promise<T> => {
    try {
      state.throwIfOver();
      return await statement().catch((error: unknown) => {
        throw failedBy(error, sql);
      });
    } finally {
      inProgress -= 1;
    }
  };
  const start = <T>(sql: string, statement: () => Promise<T>): Promise<T> => {
    inProgress += 1;
    const result = attempt(sql, statement);
    const before = last;
    last = result.then(
      () => before,
      () => before,
    );
    return result;
  };
  const run = <R extends Row>(sql: string, params: readonly SqlValue[] = []): Promise<Result<R>> =>
    start(sql, () => connection.run<R>(sql, params, signal));
  const quiet = async (): Promise<void> => {
    while (inProgress > 0) await last;
  };
  return {
    calls: {
      query: async <R extends Row>(sql: string, params?: readonly SqlValue[]) => (await run<R>(sql, params)).rows,
      execute: async (sql, params) => (await run(sql, params)).changes,
      defer(sql, params) {
        state.throwIfOver();
        // If it fails, the state has the reason.
        run(sql, params).catch(() => undefined);
      },
      async script(sql) {
        await quiet();
        await start(sql, () => connection.script(sql));
      },
      dialect: 'postgres',
      afterCommit: state.afterCommit,
    },
    quiet,
    isQuiet: () => inProgress === 0,
    async finish() {
      await quiet();
      // In the same step, so no statement can slip in between.
      state.end();
    },
    engineError: () => engineError,
  };
}
