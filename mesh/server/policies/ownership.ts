import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Once } from '../../idempotency/idempotency.ts';
import type { Transaction } from '../../storage/storage.ts';
import type { HandlerContext } from '../handler-context.ts';

/** Runs a handler of one response for a user who may only have what is their own: others' responses never leave. */
export async function ownResponse(call: HandlerContext, handle: () => unknown): Promise<unknown> {
  try {
    const response = await handle();
    call.assertOwnResponse(response);
    return response;
  } catch (error) {
    throw concealed(call, error);
  }
}

/** The same for a handler of a stream of responses. */
export async function* ownResponses(call: HandlerContext, handle: () => unknown): AsyncIterable<unknown> {
  try {
    for await (const response of handle() as AsyncIterable<unknown>) {
      call.assertOwnResponse(response);
      yield response;
    }
  } catch (error) {
    throw concealed(call, error);
  }
}

/**
 * Returns a `once` whose transaction is rolled back if the handler did not check the owner in it. A stored response
 * needs no check: it was made for the same user.
 */
export function onceForOwner<Response>(once: Once<Response>, call: HandlerContext): Once<Response> {
  const checked = <Result>(work: (tx: Transaction) => Promise<Result>) => {
    return async (tx: Transaction) => {
      const response = await work(tx);
      call.assertOwnerChecked();
      return response;
    };
  };
  const answered = <Result>(response: Result): Result => {
    if (response !== undefined) call.skipOwnerCheck();
    return response;
  };
  const run: Once<Response> = Object.assign(
    async (work: (tx: Transaction) => Promise<Response>, options?: Parameters<Once<Response>>[1]) =>
      answered(await once(checked(work), options)),
    {
      replay: async () => answered(await once.replay()),
      withoutTransaction: async (effect: () => Promise<Response>) =>
        answered(
          await once.withoutTransaction(async () => {
            const response = await effect();
            call.assertOwnerChecked();
            return response;
          }),
        ),
    },
  );
  return run;
}

const revealing: ReadonlySet<Status> = new Set([
  Status.NOT_FOUND,
  Status.ALREADY_EXISTS,
  Status.FAILED_PRECONDITION,
  Status.OUT_OF_RANGE,
  Status.ABORTED,
]);

/** What a user gets instead of an error that would reveal something about a resource that may be another user's. */
function concealed(call: HandlerContext, error: unknown): unknown {
  if (call.isOwnerKnown || !(error instanceof MeshError) || !revealing.has(error.code)) return error;
  return call.denial();
}
