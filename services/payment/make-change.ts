import {
  type Clock,
  type Idempotency,
  type MeshCallContext,
  type RepeatableMethod,
  retryOnConflict,
  type Transaction,
} from '#mesh';

/** What a change is made by. */
export interface Cause {
  readonly correlationId: string;
  readonly timeMs: number;
}

/** Makes a change of an account, once a request id; not one whose caller's deadline ends while it waits. */
export type MakeChange = <Request extends { requestId: string }, Response>(
  method: RepeatableMethod<Request, Response>,
  request: Request,
  accountId: string,
  context: Pick<MeshCallContext, 'requestId' | 'signal'>,
  change: (tx: Transaction, cause: Cause) => Promise<Response>,
) => Promise<Response>;

/**
 * Changes of one account wait for each other within this process and share commits, so that an account that many orders
 * charge keeps up; where another process comes first, the change is decided anew until the caller's deadline.
 */
export function createMakeChange(idempotency: Idempotency, clock: Clock): MakeChange {
  return (method, request, accountId, { requestId, signal }, change) =>
    retryOnConflict(clock, signal, () =>
      idempotency.once(method, request, (tx) => change(tx, { correlationId: requestId, timeMs: clock.now() }), {
        commitGroup: `account-${accountId}`,
        signal,
      }),
    );
}
