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
 * Makes of whatever a handler threw what its caller may know. Errors that were meant for the caller (MeshError,
 * nice-grpc's ServerError) stay as they are, and so does the trouble of a service that the handler called; a handler that
 * stopped since its caller is gone or its deadline passed gives CANCELLED or DEADLINE_EXCEEDED. Anything else nobody
 * expected, also what another service refused to this one: it goes to the log in full, and to the caller as INTERNAL with
 * the request id alone.
 */
export function toPublicError(error: unknown, call: FailedCall, logger: ErrorLog): MeshError | ServerError {
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
