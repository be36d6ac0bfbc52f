import { ClientError, ServerError, Status } from 'nice-grpc-common';
import type { Logger } from '../telemetry/logger.ts';
import { MeshError } from './mesh-error.ts';

/** What the gate has to know of the call that failed. */
export interface FailedCall {
  readonly path: string;
  readonly requestId: string;
  /** Whether the deadline of the call has passed. */
  readonly expired: boolean;
}

/**
 * Makes of whatever a handler threw what its caller may know. Errors that were meant for the caller (MeshError,
 * nice-grpc's ServerError) stay as they are; a handler that stopped since its caller is gone or its deadline passed
 * gives CANCELLED or DEADLINE_EXCEEDED. Anything else nobody expected: it goes to the log in full, and to the caller
 * as INTERNAL with the request id alone.
 */
export function toCallError(error: unknown, call: FailedCall, logger: Logger): MeshError | ServerError {
  if (error instanceof MeshError || error instanceof ServerError) return error;
  if (call.expired && isTimeout(error)) return deadlineExceeded(call.path);
  if (isCancellation(error)) return cancelled(call.path);
  logger.error({ err: error, method: call.path, request_id: call.requestId }, 'call failed unexpectedly');
  const text = `the server failed on this call; its log has the cause under request id ${call.requestId}`;
  return new MeshError(Status.INTERNAL, 'INTERNAL', text, { metadata: { requestId: call.requestId }, cause: error });
}

/** The answer to a call whose time is over: DEADLINE_EXCEEDED `DEADLINE_EXCEEDED`. */
export function deadlineExceeded(path: string): MeshError {
  const text = `${path} did not finish within its deadline: look whether it took effect, or allow it more time`;
  return new MeshError(Status.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED', text);
}

/** The refusal of bytes that are no message of the method: INVALID_ARGUMENT `UNDECODABLE_MESSAGE`. */
export function undecodableMessage(path: string, cause: unknown): MeshError {
  const text = `the request is no message of ${path}: send what its contract defines`;
  return new MeshError(Status.INVALID_ARGUMENT, 'UNDECODABLE_MESSAGE', text, { cause });
}

function cancelled(path: string): MeshError {
  return new MeshError(Status.CANCELLED, 'CANCELLED', `${path} was cancelled by its caller`);
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
