import type { SchemaTransaction } from '../migrations.ts';
import { createTransactionState } from '../transaction-state.ts';
import type { Connection } from './connection.ts';
import { createTransaction, type PostgresTransaction } from './transaction.ts';

/** What a transaction does. */
export type Work<T> = (tx: SchemaTransaction) => Promise<T>;

/** Work that can be committed. */
export interface Done<T> {
  readonly value: T;
  /** Calls what waits for the commit. */
  committed(): void;
}

/** Why work cannot be committed. */
export interface Failed {
  readonly error: unknown;
  /** What the engine said when the first statement failed. */
  readonly engineError: unknown;
}

/** Runs `work` on a connection, between a beginning and an end that are the caller's. Nothing of it is under way after. */
export async function runWork<T>(
  connection: Connection,
  server: string,
  work: (tx: PostgresTransaction) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<Done<T> | Failed> {
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
