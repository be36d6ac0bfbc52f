import { ClientError, type Status } from 'nice-grpc-common';
import { MeshError } from '../errors/mesh-error.ts';
import type { CallRefusalReason } from './host-observer.ts';

/** A fault in the request of a call, for which the call ends: its code, and its reason in the log and the metrics. */
export interface RequestFault {
  readonly code: Status;
  readonly reason: CallRefusalReason;
}

const reasons: ReadonlyMap<string, CallRefusalReason> = new Map([
  ['MESSAGE_TOO_LARGE', 'message_too_large'],
  ['TOO_MUCH_UNFINISHED', 'too_much_unfinished'],
  ['REQUEST_INCOMPLETE', 'request_incomplete'],
  ['MALFORMED_REQUEST', 'malformed_request'],
  ['UNKNOWN_FLAG', 'malformed_request'],
  ['WRONG_REQUEST_COUNT', 'wrong_request_count'],
  ['UNDECOMPRESSABLE', 'undecompressable'],
  ['UNDECODABLE_MESSAGE', 'undecodable_message'],
]);

/** Returns the fault that an error reports; `undefined` if it is of another kind, or came from another service. */
export function requestFaultOf(error: unknown): RequestFault | undefined {
  if (!(error instanceof MeshError) || error instanceof ClientError) return undefined;
  const reason = reasons.get(error.reason);
  return reason && { code: error.code, reason };
}
