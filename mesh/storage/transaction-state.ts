import { AsyncResource } from 'node:async_hooks';

/** The state of a transaction, the same in every engine. */
export interface TransactionState {
  /** Throws if no statement may run: the transaction has ended or failed, or its signal is aborted. */
  throwIfOver(): void;
  /** Records why it cannot be committed. The first reason stays. */
  fail(error: unknown): void;
  /** Why it cannot be committed. */
  failure(): unknown;
  /** Throws why it cannot be committed, even if its work ignored that. */
  throwIfFailed(): void;
  /** Refuses further calls. */
  end(): void;
  afterCommit(action: () => void): void;
  /** Runs the actions that wait for the commit, each in the context of its caller. */
  committed(): void;
}

/** The state of a transaction that `signal` can cancel. */
export function createTransactionState(signal: AbortSignal | undefined): TransactionState {
  const actions: { readonly action: () => void; readonly context: AsyncResource }[] = [];
  let failure: unknown;
  let ended = false;
  const currentFailure = (): unknown => (signal?.aborted === true ? signal.reason : failure);
  const throwIfFailed = (): void => {
    const error = currentFailure();
    if (error !== undefined) throw error;
  };
  const throwIfOver = (): void => {
    if (ended) throw new Error('the transaction has ended: await its calls inside of its work');
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
      // `AsyncResource.bind` would take 4 µs.
      actions.push({ action, context: new AsyncResource('afterCommit') });
    },
    committed() {
      // Each in a microtask: one that throws, which it must not, ends the process and not other transactions.
      for (const { action, context } of actions) queueMicrotask(() => context.runInAsyncScope(action));
    },
  };
}
