import { AsyncResource } from 'node:async_hooks';

/** What becomes of a transaction, the same in every engine. */
export interface TransactionState {
  /** Throws when no statement may be run: it has ended, failed, or its signal is aborted. */
  throwIfOver(): void;
  /** Notes why it cannot be committed; the first reason stays. */
  fail(error: unknown): void;
  /** Why it cannot be committed. */
  failure(): unknown;
  /** Throws why it cannot be committed, also when its work did not care. */
  throwIfFailed(): void;
  /** No call is taken any more. */
  end(): void;
  afterCommit(action: () => void): void;
  /** Calls what waits for the commit, each in the context of its caller. */
  committed(): void;
}

/** The state of a transaction that `signal` may end. */
export function createTransactionState(signal: AbortSignal | undefined): TransactionState {
  const actions: (() => void)[] = [];
  let failure: unknown;
  let ended = false;
  const currentFailure = (): unknown => (signal?.aborted === true ? signal.reason : failure);
  const throwIfFailed = (): void => {
    const error = currentFailure();
    if (error !== undefined) throw error;
  };
  const throwIfOver = (): void => {
    if (ended) throw new Error('the transaction has ended: its calls must be awaited inside of its work');
    throwIfFailed();
  };
  return {
    throwIfOver,
    fail(error) {
      failure ??= error;
    },
    failure: currentFailure,
    throwIfFailed,
    end() {
      ended = true;
    },
    afterCommit(action) {
      throwIfOver();
      actions.push(AsyncResource.bind(action));
    },
    committed() {
      // A microtask each: one that throws against its contract ends the process instead of others' transactions.
      for (const action of actions) queueMicrotask(action);
    },
  };
}
