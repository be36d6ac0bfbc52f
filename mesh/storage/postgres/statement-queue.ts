import type pg from 'pg';
import type { Row } from '../storage.ts';
import { type BatchAnswer, type BatchedResult, type BatchedStatement, sendBatch } from './batch.ts';
import type { Cancellation } from './cancellation.ts';
import { leavesUnknown } from './errors.ts';
import type { PreparedStatement } from './statements.ts';

/** The statements of one connection. */
export interface StatementQueue {
  /**
   * Runs a statement, after those before it. Those of one turn of the event loop are sent in one message, and so are those that
   * come while an answer is awaited. Once one fails, those that wait behind it reject with `NotRun`.
   */
  run(statement: QueuedStatement): Promise<Answered>;
}

export interface QueuedStatement extends BatchedStatement {
  /** Cancels it, unless its message commits. It then rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
  /** Whether it is the commit of its transaction. Its message is not cancelled, with all that is in it. */
  readonly isCommit?: boolean;
}

/** A statement did not run, because one before it failed, or the transaction could not begin: `cause`. */
export class NotRun extends Error {
  constructor(cause: unknown) {
    super('a statement before it failed', { cause });
  }
}

/** What the connection does for its statements. */
interface Owner {
  cancelOnAbort(signal: AbortSignal): Cancellation;
  /** Called after a cancellation, before the statement rejects. */
  cancelled(): void;
  /** Called with the engine's error of a statement, before it rejects. */
  failed(error: unknown, statement: PreparedStatement): void;
}

interface Waiting extends QueuedStatement {
  resolve(result: Answered): void;
  reject(error: unknown): void;
}

interface Answered {
  readonly rows: Row[];
  readonly changes: number;
  readonly tag: string;
}

export function createStatementQueue(client: pg.ClientBase, owner: Owner): StatementQueue {
  let waiting: Waiting[] = [];
  let isBusy = false;

  const sendSoon = (): void => {
    isBusy = waiting.length > 0;
    // After what else this turn asks for.
    if (isBusy) process.nextTick(send);
  };
  const send = (): void => {
    const batch = waiting;
    waiting = [];
    const signal = batch.find((statement) => statement.signal !== undefined)?.signal;
    if (signal?.aborted === true) {
      rejectUnsent(batch, signal.reason);
      return;
    }
    // A cancelled commit may succeed without its standby, and a late cancellation may hit the next user of a pooler's session.
    const isCancellable = signal !== undefined && !batch.some(({ isCommit }) => isCommit === true);
    const cancellation = isCancellable ? owner.cancelOnAbort(signal) : undefined;
    sendBatch(client, batch, (answer) => void settle(batch, answer, cancellation));
  };
  const settle = async (
    batch: readonly Waiting[],
    { results, error }: BatchAnswer,
    cancellation: Cancellation | undefined,
  ): Promise<void> => {
    if (cancellation !== undefined && (await cancellation.settled())) owner.cancelled();
    for (const [index, result] of results.entries()) resolveOne(batch[index], result);
    const [failed, ...behind] = batch.slice(results.length);
    if (failed !== undefined) reject(failed, behind, error);
    sendSoon();
  };
  const resolveOne = (statement: Waiting | undefined, result: BatchedResult): void => {
    try {
      statement?.resolve({ rows: result.rows(), changes: result.changes, tag: result.tag });
    } catch (error) {
      if (statement !== undefined) reject(statement, [], error);
    }
  };
  const reject = (failed: Waiting, behind: readonly Waiting[], error: unknown): void => {
    owner.failed(error, failed.statement);
    failed.reject(failed.signal?.aborted === true ? failed.signal.reason : error);
    // Those that were sent may have run, although no answer came.
    for (const one of behind) one.reject(leavesUnknown(error) ? error : new NotRun(error));
    for (const one of waiting.splice(0)) one.reject(new NotRun(error));
  };
  const rejectUnsent = (batch: readonly Waiting[], reason: unknown): void => {
    for (const one of batch) one.reject(one.signal?.aborted === true ? reason : new NotRun(reason));
    sendSoon();
  };
  return {
    run: (statement) =>
      new Promise((resolve, reject) => {
        waiting.push({ ...statement, resolve, reject });
        if (!isBusy) sendSoon();
      }),
  };
}
