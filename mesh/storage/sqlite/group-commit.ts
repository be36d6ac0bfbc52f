import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers';
import { yieldToCalls } from '../../time/yield-to-event-loop.ts';
import { transactionAwaitedOutside } from '../errors.ts';
import type { SchemaTransaction } from '../migrations.ts';
import { createTransactionState } from '../transaction-state.ts';
import type { Connection } from './connection.ts';
import type { FileWatch } from './file-watch.ts';
import { createTransaction } from './transaction.ts';

/** Runs transactions one after another and commits many of them with one write to the disk. */
export interface GroupCommit {
  /** Resolves once the commit is on the disk, or with `flush` false, once it is made. */
  run<T>(work: (tx: SchemaTransaction) => Promise<T>, signal: AbortSignal | undefined, flush?: boolean): Promise<T>;
  /** Resolves when no transaction is open, so a read sees only what is committed; `undefined` if none is open. */
  settled(): Promise<void> | undefined;
  /** Resolves when all transactions so far have been answered. */
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
  resolve(): void;
  reject(error: unknown): void;
}

// The event loop turns between two batches, so these limit how long everything else waits.
const maxBatchJobs = 512;
const maxBatchMs = 5;
// A checkpoint copies so many pages of the write-ahead log into the file and waits for the disk three times, about 10 ms.
// SQLite makes it in the commit that fills them. Commits that do not wait for the disk must not do so then either: there it
// has a turn of its own.
const pagesPerCheckpoint = 1_000;

/**
 * Group commit over one connection. A batch runs within one turn of the event loop, only in microtasks. Work that is still
 * pending when they are used up awaits something other than its transaction, and is refused. So is a commit to files that are
 * no longer at their path.
 */
export function createGroupCommit(connection: Connection, files: FileWatch): GroupCommit {
  const queue: Job[] = [];
  let flushes = true;
  let scheduled = false;
  let batch: Promise<void> | undefined;
  let abandon: () => void = () => undefined;

  const schedule = (): void => {
    if (scheduled || queue.length === 0) return;
    scheduled = true;
    // Not immediately, so whatever else arrives in this turn shares the commit.
    setImmediate(() => queueMicrotask(start));
  };
  const start = (): void => {
    batch = runBatch().finally(() => {
      batch = undefined;
      void checkpointIfDue().then(() => {
        scheduled = false;
        schedule();
      });
    });
    watch();
  };
  const checkpointIfDue = async (): Promise<void> => {
    if (flushes) return;
    try {
      const [wal] = connection.rows<{ log: bigint; checkpointed: bigint }>('PRAGMA wal_checkpoint(NOOP)', []);
      if (wal === undefined || wal.log - wal.checkpointed < pagesPerCheckpoint) return;
      await yieldToCalls();
      connection.script('PRAGMA wal_checkpoint(PASSIVE)');
    } catch {
      // Like a checkpoint of SQLite's own, it fails no commit. What keeps it from the file fails a later one.
    }
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
      if (files.lost) throw files.lost;
      setFlush(queue.some(({ flush }) => flush));
      connection.script('BEGIN IMMEDIATE');
      await runJobs(members);
      files.probe();
      connection.script('COMMIT');
      committed = true;
      // After the commit: if the file is deleted later than this, the commit was in it.
      files.check();
    } catch (error) {
      // Without members the transaction could not begin, and the waiting jobs would fail in the same way.
      for (const job of committed || members.length > 0 ? members : queue.splice(0)) job.reject(error);
      if (connection.inTransaction()) connection.script('ROLLBACK');
      return;
    }
    for (const job of members) job.resolve();
  }

  /** Sets whether commits wait for the disk. SQLite refuses it in a transaction. */
  function setFlush(flush: boolean): void {
    if (flush === flushes) return;
    const pragmas = flush
      ? `PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${pagesPerCheckpoint}`
      : 'PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0';
    connection.script(pragmas);
    flushes = flush;
  }

  /** Throws if SQLite ended the shared transaction. */
  async function runJobs(members: Job[]): Promise<void> {
    const endMs = performance.now() + maxBatchMs;
    for (let count = 0; count < maxBatchJobs && performance.now() < endMs; count += 1) {
      const job = queue[0];
      // It arrived after the batch began.
      if (job === undefined || (job.flush && !flushes)) return;
      queue.shift();
      members.push(job);
      connection.changes('SAVEPOINT job', []);
      try {
        await settle(job);
      } catch (error) {
        if (!connection.inTransaction()) throw job.failure() ?? error;
        connection.changes('ROLLBACK TO job', []);
        members.pop();
        job.reject(error);
      } finally {
        job.end();
      }
      connection.changes('RELEASE job', []);
    }
  }

  return {
    run: (work, signal, flush = true) =>
      new Promise((resolve, reject) => {
        queue.push({ flush, ...createJob(connection, work, signal, resolve, reject) });
        schedule();
      }),
    settled: () => batch,
    async idle() {
      while (scheduled) await (batch ?? new Promise<void>((resolve) => void setImmediate(resolve)));
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
  const inContextOfCaller = AsyncLocalStorage.snapshot();
  const state = createTransactionState(signal);
  const tx = createTransaction(connection, state);
  let result: { readonly value: T } | undefined;
  return {
    async run() {
      state.throwIfFailed();
      result = { value: await inContextOfCaller(work, tx) };
      state.throwIfFailed();
    },
    failure: state.failure,
    end: state.end,
    resolve() {
      state.committed();
      if (result !== undefined) resolve(result.value);
    },
    reject,
  };
}
