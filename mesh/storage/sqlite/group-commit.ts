import { AsyncResource } from 'node:async_hooks';
import { setImmediate } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { transactionAwaitedOutside } from '../errors.ts';
import type { SchemaTransaction } from '../migrations.ts';
import { createTransactionState } from '../transaction-state.ts';
import { commitWaitMs } from './commit-pace.ts';
import type { Connection } from './connection.ts';
import type { FileWatch } from './file-watch.ts';
import { createTransaction } from './transaction.ts';
import type { WriteAheadLog } from './write-ahead-log.ts';

/** Runs transactions one after another and commits many of them with one write to the disk. */
export interface GroupCommit {
  /**
   * Resolves once the commit is on the disk. With `flush` false it waits only for what `work` may have seen. Rejects once that is
   * on the disk, too, because an error may show it.
   */
  run<T>(work: (tx: SchemaTransaction) => Promise<T>, signal: AbortSignal | undefined, flush?: boolean): Promise<T>;
  /** Resolves when no transaction is open, so a read sees only what is committed; `undefined` if none is open. */
  settled(): Promise<void> | undefined;
  /** Resolves when all commits that wait for the disk are on it; `undefined` if they are. Rejects if that fails. */
  flushed(): Promise<void> | undefined;
  /** Resolves when all transactions so far have been answered, and nothing is being written. */
  idle(): Promise<void>;
}

interface Job {
  /** Whether its commit waits for the disk. */
  readonly flush: boolean;
  /** Runs the work in the context of its caller. Rejects if it must be rolled back. */
  run(): Promise<void>;
  /** The error of its first failed statement, even if its work caught it. */
  failure(): unknown;
  /** Refuses further calls of its transaction. */
  end(): void;
  /** Sets the error of a job that was rolled back alone. */
  refuse(error: unknown): void;
  /** Resolves it, or rejects it with its own error. */
  answer(): void;
  /** Rejects it with an error of all. */
  reject(error: unknown): void;
}

// The event loop turns between two batches, so these limit how long everything else waits.
const maxBatchJobs = 512;
const maxBatchMs = 5;
const begin = 'BEGIN IMMEDIATE';

/**
 * Group commit over one connection. A batch runs within one turn of the event loop, only in microtasks. Work that is still
 * pending when they are used up awaits something other than its transaction, and is refused. So is a commit to files that are
 * no longer at their path.
 */
export function createGroupCommit(
  connection: Connection,
  files: FileWatch,
  log: WriteAheadLog | undefined,
): GroupCommit {
  const queue: Job[] = [];
  let scheduled = false;
  let batch: Promise<void> | undefined;
  let pause: Promise<void> | undefined;
  let flushing: Promise<void> | undefined;
  let abandon: () => void = () => undefined;
  let startMs = 0;
  let commitMs = 0;

  const schedule = (): void => {
    if (scheduled || queue.length === 0) return;
    scheduled = true;
    // Not immediately, so whatever else arrives in this turn shares the commit.
    setImmediate(() => queueMicrotask(start));
  };
  const start = (): void => {
    batch = runBatch().finally(() => {
      batch = undefined;
      pause = beforeNext().then(() => {
        pause = undefined;
        scheduled = false;
        schedule();
      });
    });
    watch();
  };
  // The next batch waits for the flush, and a little longer on a busy process: what arrives meanwhile shares a commit.
  const beforeNext = async (): Promise<void> => {
    const isPaced = flushing !== undefined;
    await flushing?.catch(() => undefined);
    await log?.checkpointIfDue();
    const waitMs = isPaced ? commitWaitMs(startMs, commitMs) : 0;
    if (waitMs > 0) await sleep(waitMs);
  };
  // A tick runs after the microtasks only if a microtask requests it.
  const watch = (): void =>
    process.nextTick(() => {
      if (batch === undefined) return;
      abandon();
      queueMicrotask(watch);
    });
  const settle = (job: Job): Promise<void> =>
    new Promise((resolve, reject) => {
      abandon = () => reject(transactionAwaitedOutside());
      job.run().then(resolve, reject);
    });

  async function runBatch(): Promise<void> {
    const members: Job[] = [];
    let committed = false;
    try {
      const fault = files.lost ?? log?.failure;
      if (fault) throw fault;
      startMs = performance.now();
      connection.changes(begin, []);
      await runJobs(members);
      files.probe();
      const commitStartMs = performance.now();
      connection.changes('COMMIT', []);
      commitMs = performance.now() - commitStartMs;
      committed = true;
      // After the commit: if the file is deleted later than this, the commit was in it.
      files.check();
    } catch (error) {
      // Without members the transaction could not begin, and the waiting jobs would fail in the same way.
      for (const job of committed || members.length > 0 ? members : queue.splice(0)) job.reject(error);
      if (connection.inTransaction()) connection.script('ROLLBACK');
      return;
    }
    answer(members);
  }

  function answer(members: readonly Job[]): void {
    const firstWaiting = members.findIndex(({ flush }) => flush);
    flushing = firstWaiting < 0 ? undefined : log?.flush();
    // Those after it may have seen what it wrote.
    const unflushed = flushing === undefined ? members.length : firstWaiting;
    for (const job of members.slice(0, unflushed)) job.answer();
    const waiting = members.slice(unflushed);
    flushing
      ?.finally(() => {
        flushing = undefined;
      })
      .then(
        () => {
          for (const job of waiting) job.answer();
        },
        (error: unknown) => {
          for (const job of waiting) job.reject(error);
        },
      );
  }

  function beginAgain(): void {
    connection.script('ROLLBACK');
    connection.changes(begin, []);
  }

  /** Throws if SQLite ended the shared transaction. */
  async function runJobs(members: Job[]): Promise<void> {
    const endMs = performance.now() + maxBatchMs;
    // Until a job has ended well, there is nothing that its savepoint would protect.
    let isEmpty = true;
    for (let count = 0; count < maxBatchJobs && performance.now() < endMs; count += 1) {
      const job = queue[0];
      // It arrived after the batch began.
      if (job === undefined) return;
      queue.shift();
      members.push(job);
      const hasSavepoint = !isEmpty;
      if (hasSavepoint) connection.changes('SAVEPOINT job', []);
      try {
        await settle(job);
        isEmpty = false;
      } catch (error) {
        if (!connection.inTransaction()) throw job.failure() ?? error;
        if (!hasSavepoint) beginAgain();
        else connection.changes('ROLLBACK TO job', []);
        job.refuse(error);
      } finally {
        job.end();
      }
      if (hasSavepoint) connection.changes('RELEASE job', []);
    }
  }

  return {
    run: (work, signal, flush = true) =>
      new Promise((resolve, reject) => {
        queue.push({ flush, ...createJob(connection, work, signal, resolve, reject) });
        schedule();
      }),
    settled: () => batch,
    flushed: () => flushing,
    async idle() {
      const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));
      while (scheduled) await (batch ?? pause ?? turn());
    },
  };
}

function createJob<T>(
  connection: Connection,
  work: (tx: SchemaTransaction) => Promise<T>,
  signal: AbortSignal | undefined,
  resolve: (result: T) => void,
  reject: (error: unknown) => void,
): Omit<Job, 'flush'> {
  const caller = new AsyncResource('transaction');
  const state = createTransactionState(signal);
  const tx = createTransaction(connection, state);
  let answer: (() => void) | undefined;
  return {
    async run() {
      state.throwIfFailed();
      const value = await caller.runInAsyncScope(work, undefined, tx);
      state.throwIfFailed();
      // Refused work may end later.
      answer ??= () => {
        state.committed();
        resolve(value);
      };
    },
    failure: state.failure,
    end: state.end,
    refuse(error) {
      answer = () => reject(error);
    },
    answer: () => answer?.(),
    reject,
  };
}
