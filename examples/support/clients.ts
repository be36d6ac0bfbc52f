import { type CallOptions, ClientError, type ClientMiddlewareCall, createClientFactory, Status } from 'nice-grpc';
import { decodeStatusDetails, statusDetailsKey } from '#mesh';

/** A call that the mesh answered with an error: its text says what happened and what to do. */
export class AnsweredError extends ClientError {
  /** One of those in docs/errors.md; empty for what another server than ordermesh answered through it. */
  readonly reason: string;

  constructor({ path, code, details }: ClientError, reason: string) {
    super(path, code, details);
    this.reason = reason;
  }
}

/** Makes clients whose calls fail with an `AnsweredError` when the mesh itself gave the error. */
export const clients = createClientFactory().use(keepReason);

/** Whether a call failed because nobody answered it: no mesh runs there, or it ended meanwhile. */
export function isUnreached(error: unknown): boolean {
  return error instanceof ClientError && error.code === Status.UNAVAILABLE && !(error instanceof AnsweredError);
}

/** The reason that the mesh gave; empty when it gave none, or was not reached. */
export function reasonOf(error: unknown): string {
  return error instanceof AnsweredError ? error.reason : '';
}

async function* keepReason<Request, Response>(call: ClientMiddlewareCall<Request, Response>, options: CallOptions) {
  let details: Uint8Array | undefined;
  try {
    return yield* call.next(call.request, {
      ...options,
      onTrailer(trailer) {
        details = trailer.get(statusDetailsKey);
        options.onTrailer?.(trailer);
      },
    });
  } catch (error) {
    // Every error of a mesh has details; those that a client gives itself have none.
    if (!(error instanceof ClientError) || details === undefined) throw error;
    throw new AnsweredError(error, decodeStatusDetails(details).reason);
  }
}
