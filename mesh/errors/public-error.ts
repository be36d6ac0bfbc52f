import { ClientError, ServerError, Status } from 'nice-grpc-common';
import { mayPassOn } from './codes.ts';
import { cancelled, deadlineExceeded, internal } from './errors.ts';
import { MeshError } from './mesh-error.ts';

/** Where errors that nobody expected are logged. */
export interface ErrorLog {
  error(fields: object, message: string): void;
}

/** What the gate has to know of the call that failed. */
export interface FailedCall {
  readonly path: string;
  readonly requestId: string;
  /** Whether the deadline of the call has passed. */
  readonly expired: boolean;
}

/**
 * Converts any error thrown by a handler into one that is safe to return to the caller. Errors meant for the caller
 * (MeshError, nice-grpc's ServerError) stay as they are, and so do failures of services that the handler called. A handler
 * that stopped because its caller is gone or its deadline passed returns CANCELLED or DEADLINE_EXCEEDED. Anything else is
 * unexpected, including refusals by other services: it is logged in full, and returned as INTERNAL with the request id alone.
 */
export function toPublicError(error: unknown, call: FailedCall, logger: ErrorLog): MeshError | ServerError {
  // What ends a call at its deadline may only see that it has ended.
  if (call.expired && cancelled.is(error)) return deadlineExceeded({ path: call.path });
  if (error instanceof ServerError || (error instanceof MeshError && mayPass(error))) return error;
  if (call.expired && isTimeout(error)) return deadlineExceeded({ path: call.path });
  if (isCancellation(error)) return cancelled({ path: call.path });
  logger.error({ err: error, method: call.path, request_id: call.requestId }, 'call failed unexpectedly');
  return internal({ requestId: call.requestId }, { cause: error });
}

function mayPass(error: MeshError): boolean {
  return !(error instanceof ClientError) || mayPassOn(error);
}

function isTimeout(error: unknown): boolean {
  if (error instanceof ClientError && error.code === Status.DEADLINE_EXCEEDED) return true;
  return isCancellation(error) || (error instanceof Error && error.name === 'TimeoutError');
}

// An outbound call that was ended by the signal of the inbound one says so with its code.
function isCancellation(error: unknown): boolean {
  if (error instanceof ClientError) return error.code === Status.CANCELLED;
  return error instanceof Error && error.name === 'AbortError';
}
