import { Metadata, ServerError, Status } from 'nice-grpc-common';
import { messageTooLarge } from '../../../../mesh/engines/native/grpc/errors.ts';
import { MeshError } from '../../../../mesh/errors/mesh-error.ts';
import type { EndedCall, WireStatus } from '../../../../mesh/errors/wire-status.ts';

/**
 * The status for what ended a call: a ServerError of its handler as it is, an AbortError as CANCELLED. Callers learn nothing of
 * other errors (UNKNOWN), which are emitted as warnings of the process.
 */
export function toWireStatus(error: unknown, { path }: EndedCall): WireStatus {
  if (error instanceof ServerError) return statusOf(error.code, error.details);
  if (messageTooLarge.is(error)) {
    return statusOf(error.code, `${error.message}, or raise grpc.max_receive_message_length of the server`);
  }
  // The engine itself has ended the call.
  if (error instanceof MeshError) return statusOf(error.code, error.message);
  if (error instanceof Error && error.name === 'AbortError') {
    return statusOf(Status.CANCELLED, 'The operation was cancelled');
  }
  const text = error instanceof Error ? error.stack : String(error);
  process.emitWarning(
    `${path}: Uncaught error in server implementation method. Server methods should only throw ServerError or AbortError. ${text}`,
  );
  return statusOf(Status.UNKNOWN, 'Unknown server error occurred');
}

function statusOf(code: Status, details: string): WireStatus {
  return { code, details, metadata: Metadata() };
}
