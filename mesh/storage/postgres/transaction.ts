import { setTimeout as sleep } from 'node:timers/promises';
import { backoff } from '../../time/backoff.ts';
import type { SchemaTransaction } from '../migrations.ts';
import type { Row, SqlValue } from '../storage.ts';
import { createTransactionState, type TransactionState } from '../transaction-state.ts';
import type { Connection } from './connection.ts';
import { commitError, connectError, contentionError, mayRunAgain, postgresError } from './errors.ts';

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
    const outcome = await runWork(connection, server, ({ calls }) => work(calls), signal);
    if ('error' in outcome) {
      await rollback(connection);
      return outcome;
    }
    const failed = await commit(connection, server);
    if (failed !== undefined) return failed;
    outcome.committed();
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

/** Begins a transaction, and runs `sql` in the same message; throws why that failed. */
export async function begin(connection: Connection, server: string, sql?: string): Promise<void> {
  try {
    await connection.begin(sql);
  } catch (error) {
    throw connectError(error, server);
  }
}

/** Commits; returns why that failed. */
export async function commit(connection: Connection, server: string): Promise<FailedWork | undefined> {
  try {
    await connection.script('COMMIT');
    return undefined;
  } catch (error) {
    return { error: commitError(error, server), engineError: error };
  }
}

/** Rolls back. If that fails, the connection is closed and the server rolls back. */
export async function rollback(connection: Connection): Promise<void> {
  await connection.script('ROLLBACK').catch(() => undefined);
}

/** Runs `work` on a connection; the caller begins and ends the transaction. No statement is in progress afterwards. */
export async function runWork<T>(
  connection: Connection,
  server: string,
  work: (tx: PostgresTransaction) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<DoneWork<T> | FailedWork> {
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
}

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

/** A transaction on `connection`. Its statements run one at a time. */
function createTransaction(
  connection: Connection,
  state: TransactionState,
  server: string,
  signal: AbortSignal | undefined,
): PostgresTransaction {
  let previous: Promise<unknown> = Promise.resolve();
  let inProgress = 0;
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
    inProgress += 1;
    const result = previous
      .then(() => attempt(sql, statement))
      .finally(() => {
        inProgress -= 1;
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
      dialect: 'postgres',
      afterCommit: state.afterCommit,
    },
    async quiet() {
      while (inProgress > 0) await previous;
    },
    isQuiet: () => inProgress === 0,
    async finish() {
      while (inProgress > 0) await previous;
      // In the same step, so no statement can slip in between.
      state.end();
    },
    engineError: () => engineError,
  };
}

// Shorter than the time limit of a service's check, so the check reports what it waited for.
const writeTimeoutMs = 4000;

// A process that was blocked reads what has arrived before it decides that the server is silent.
const readingMs = 250;

/** What to do when a server does not answer. */
export interface Silence {
  readonly silentAfterMs: number;
  readonly onSilent: () => void;
}

/**
 * Runs and commits a statement on `connection`, in one message and within 4 s, so a process that is stopped in between holds
 * no locks. Releases the connection.
 */
export async function writeOnce(
  connection: Connection,
  sql: string,
  server: string,
  { silentAfterMs, onSilent }: Silence,
): Promise<readonly Row[]> {
  let timer = setTimeout(() => {
    timer = setTimeout(onSilent, readingMs);
  }, silentAfterMs);
  try {
    return await connection.script(`BEGIN; SET LOCAL statement_timeout = '${writeTimeoutMs}ms'; ${sql}; COMMIT`);
  } catch (error) {
    throw postgresError(error, sql, server);
  } finally {
    clearTimeout(timer);
    connection.release();
  }
}

/** The statement with its numbers in the text, because one message with several statements takes no parameters. */
export function withNumbers(sql: string, params: readonly (number | null)[]): string {
  return sql.replaceAll(/\$(\d+)/g, (_, digits: string) => String(params[Number(digits) - 1]));
}
