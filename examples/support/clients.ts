import {
  type CallOptions,
  ClientError,
  type ClientMiddlewareCall,
  createClientFactory,
  Metadata,
  Status,
} from 'nice-grpc';
import { decodeStatusDetails, statusDetailsKey } from '../../mesh/errors/status-details.ts';
import { changeReasonKey } from '../../mesh/operator-actions/change-reason.ts';
import type { Access } from './access.ts';
import { changeReason } from './change-reason.ts';

/** An error returned by the mesh. Its text says what happened and what to do. */
export class AnsweredError extends ClientError {
  /** A reason from docs/errors.md. Empty if the error comes from another server. */
  readonly reason: string;
  /** The encoded `google.rpc.Status`, with all details. */
  readonly status: Uint8Array;

  constructor({ path, code, details }: ClientError, status: Uint8Array) {
    super(path, code, details);
    this.reason = decodeStatusDetails(status).reason;
    this.status = status;
  }
}

/**
 * Creates clients that send the token and `reason`, why they make changes, and throw an `AnsweredError` for errors
 * returned by the mesh. Default of the reason: which program it is.
 */
export function clientsWith({ token }: Pick<Access, 'token'>, reason = changeReason()) {
  const clients = createClientFactory().use(keepReason);
  return token === undefined ? clients : clients.use(sendToken(token, reason));
}

/**
 * Returns the `AnsweredError` for an error that the mesh returned to a client of `createClients`, which has its details in the
 * trailer; any other error unchanged.
 */
export function asAnswered(error: unknown): unknown {
  if (!(error instanceof ClientError) || error instanceof AnsweredError || !('trailer' in error)) return error;
  const status = (error.trailer as Metadata | undefined)?.get(statusDetailsKey);
  return status instanceof Uint8Array ? new AnsweredError(error, status) : error;
}

/** Whether a call failed because the mesh is not running, or stopped during the call. */
export function isUnreached(error: unknown): boolean {
  return error instanceof ClientError && error.code === Status.UNAVAILABLE && !(error instanceof AnsweredError);
}

/** Whether the server does not serve the method that was called. */
export function isNotServed(error: unknown): boolean {
  return error instanceof ClientError && error.code === Status.UNIMPLEMENTED;
}

/** The reason of an error. Empty if it has none or the mesh was not reached. */
export function reasonOf(error: unknown): string {
  return error instanceof AnsweredError ? error.reason : '';
}

function sendToken(token: string, reason: string) {
  return async function* send<Request, Response>(call: ClientMiddlewareCall<Request, Response>, options: CallOptions) {
    const metadata = Metadata(options.metadata).set('authorization', `Bearer ${token}`);
    if (reason !== '' && !metadata.has(changeReasonKey)) metadata.set(changeReasonKey, reason);
    return yield* call.next(call.request, { ...options, metadata });
  };
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
    // Every error from the mesh has details; errors created by the client have none.
    if (!(error instanceof ClientError) || details === undefined) throw error;
    throw new AnsweredError(error, details);
  }
}
