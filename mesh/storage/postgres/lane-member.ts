import { AsyncLocalStorage } from 'node:async_hooks';
import type { Connection } from './connection.ts';
import { refuseToWait } from './detect-foreign-await.ts';
import { type Done, type Failed, runWork, type Work } from './run-work.ts';
import type { PostgresTransaction } from './transaction.ts';

/** One transaction of a lane. */
export interface LaneMember {
  readonly signal: AbortSignal | undefined;
  /** How often it lost a race. */
  losses: number;
  /** Runs its work, in the context of its caller; returns why that cannot be committed. */
  run(connection: Connection): Promise<Failed | undefined>;
  /** Says that what ran last was committed. */
  committed(): void;
  /** Says that it came to nothing. */
  reject(error: unknown): void;
}

/** A transaction whose outcome `answered` waits for. */
export function createLaneMember<T>(
  server: string,
  work: Work<T>,
  signal: AbortSignal | undefined,
  answered: Pick<PromiseWithResolvers<T>, 'resolve' | 'reject'>,
): LaneMember {
  const inContextOfCaller = AsyncLocalStorage.snapshot();
  const workAtOnce = (tx: PostgresTransaction): Promise<T> =>
    Promise.race([inContextOfCaller(work, tx.calls), refuseToWait(tx)]);
  let done: Done<T> | undefined;
  return {
    signal,
    losses: 0,
    async run(connection) {
      const outcome = await runWork(connection, server, workAtOnce, signal);
      if ('error' in outcome) return outcome;
      done = outcome;
      return undefined;
    },
    committed() {
      if (done === undefined) return;
      done.committed();
      answered.resolve(done.value);
    },
    reject: answered.reject,
  };
}
