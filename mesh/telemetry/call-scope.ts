import { AsyncLocalStorage } from 'node:async_hooks';

/** What a call carries with it through the process: read by clients, the outbox and the log. */
export interface CallScope {
  /** Who asked: from `x-request-id`, or made by the server. */
  readonly requestId: string;
  /** W3C trace context, to be sent on as it is. */
  readonly traceparent: string;
  /** When the work must be over, in milliseconds since the epoch. */
  readonly deadlineMs: number | undefined;
  /** Aborts when the caller gave up or the deadline passed; `undefined` for work that nobody waits for. */
  readonly signal: AbortSignal | undefined;
}

const scopes = new AsyncLocalStorage<CallScope>();

/** Runs `work` with `scope` as the current one, also in everything asynchronous that it starts. */
export function runInScope<T>(scope: CallScope, work: () => T): T {
  return scopes.run(scope, work);
}

/** The scope of the call that this code runs for; `undefined` outside of any. */
export function currentScope(): CallScope | undefined {
  return scopes.getStore();
}
