import { setTimeout } from 'node:timers/promises';
import type { SchemaTransaction } from '../migrations.ts';
import { createTransactionState, type TransactionState } from '../transaction-state.ts';
import type { Connection } from './connection.ts';
import { commitError, contentionError, isLostRace, unavailableError } from './errors.ts';
import { createTransaction, type PostgresTransaction } from './transaction.ts';

type Work<T> = (tx: SchemaTransaction) => Promise<T>;

const maxAttempts = 6;
const firstDelayMs = 5;

/** Runs `work` in a transaction, and again from its start, after a random delay that grows, when it lost a race. */
export async function runTransaction<T>(
  acquire: () => Promise<Connection>,
  server: string,
  work: Work<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await runOnce(acquire, server, work, signal);
    if ('value' in outcome) return outcome.value;
    if (!isLostRace(outcome.engineError)) throw outcome.error;
    if (attempt === maxAttempts) throw contentionError(outcome.engineError, server, attempt);
    await setTimeout(Math.random() * firstDelayMs * 2 ** attempt);
  }
}

type Outcome<T> = { readonly value: T } | { readonly error: unknown; readonly engineError: unknown };

async function runOnce<T>(
  acquire: () => Promise<Connection>,
  server: string,
  work: Work<T>,
  signal: AbortSignal | undefined,
): Promise<Outcome<T>> {
  const connection = await acquire();
  try {
    await begin(connection, server);
    const state = createTransactionState(signal);
    const tx = createTransaction(connection, state, server);
    const outcome = await settle(tx, state, work);
    if ('error' in outcome) {
      await rollback(connection);
      return outcome;
    }
    await commit(connection, server);
    state.committed();
    return outcome;
  } finally {
    connection.release();
  }
}

async function begin(connection: Connection, server: string): Promise<void> {
  try {
    await connection.script('BEGIN');
  } catch (error) {
    throw unavailableError(error, server);
  }
}

async function settle<T>(tx: PostgresTransaction, state: TransactionState, work: Work<T>): Promise<Outcome<T>> {
  try {
    const value = await work(tx.calls);
    await tx.quiet();
    state.end();
    state.throwIfFailed();
    return { value };
  } catch (error) {
    state.end();
    await tx.quiet();
    return { error, engineError: tx.engineError() };
  }
}

async function commit(connection: Connection, server: string): Promise<void> {
  try {
    await connection.script('COMMIT');
  } catch (error) {
    throw commitError(error, server);
  }
}

async function rollback(connection: Connection): Promise<void> {
  // When it fails the connection is closed, and the server rolls back by itself.
  await connection.script('ROLLBACK').catch(() => undefined);
}
