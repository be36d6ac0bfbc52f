import { setImmediate } from 'node:timers/promises';
import { awaitedOutsideError } from '../transaction-awaited-outside-error.ts';
import type { PostgresTransaction } from './transaction.ts';

/**
 * Rejects with `TRANSACTION_AWAITED_OUTSIDE` once no statement is under way for a turn of the event loop: whatever goes on
 * after a statement has then been done, or waits for something else.
 */
export async function refuseToWait(tx: PostgresTransaction): Promise<never> {
  do {
    await tx.quiet();
    await setImmediate();
  } while (!tx.isQuiet());
  throw awaitedOutsideError();
}
