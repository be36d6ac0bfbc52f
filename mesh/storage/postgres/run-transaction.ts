import type { Connection } from './connection.ts';
import { mayRunAgain } from './errors.ts';
import { type Done, type Failed, runWork, type Work } from './run-work.ts';
import { waitBeforeRunningAgain } from './serialization-retry.ts';
import { begin, commit, rollback } from './transaction-control.ts';

/** Runs `work` in a transaction, and again from its start when it lost a race or found a stale statement. */
export async function runTransaction<T>(
  acquire: () => Promise<Connection>,
  server: string,
  work: Work<T>,
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
  work: Work<T>,
  signal: AbortSignal | undefined,
): Promise<Done<T> | Failed> {
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
