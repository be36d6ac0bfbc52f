import { Status } from 'nice-grpc-common';
import { ErrorCode } from '../../http2/codec/frames.ts';

/** What a call ends with when its server has said no status. */
export type LocalStatus = readonly [code: Status, details: string];

export const deadlineStatus: LocalStatus = [Status.DEADLINE_EXCEEDED, 'the time of the call was over'];

/** Of an answer with more fields than are kept. */
export const tooLargeStatus: LocalStatus = [
  Status.RESOURCE_EXHAUSTED,
  'the metadata of the answer is over 16 KiB: let the server send less of it',
];

/** Of a call whose signal aborted: that of a call scope also aborts when the deadline passes. */
export function abortStatus(deadlineMs: number | undefined, nowMs: number): LocalStatus {
  return isOver(deadlineMs, nowMs) ? deadlineStatus : [Status.CANCELLED, 'the call was given up by its caller'];
}

/** Of a stream that was reset (gRPC over HTTP/2, "Errors"). A server cancels what is beyond its deadline. */
export function resetStatus(code: ErrorCode, deadlineMs: number | undefined, nowMs: number): LocalStatus {
  switch (code) {
    case ErrorCode.REFUSED_STREAM:
      return [Status.UNAVAILABLE, 'the server takes no more calls now'];
    case ErrorCode.CONNECT_ERROR:
      return [Status.UNAVAILABLE, 'the connection was lost'];
    case ErrorCode.CANCEL:
      return isOver(deadlineMs, nowMs) ? deadlineStatus : [Status.CANCELLED, 'the call was cancelled by the server'];
    case ErrorCode.ENHANCE_YOUR_CALM:
      return [Status.RESOURCE_EXHAUSTED, 'the server has too much to do'];
    case ErrorCode.INADEQUATE_SECURITY:
      return [Status.PERMISSION_DENIED, 'the connection is not secure enough'];
    default:
      return [Status.INTERNAL, `the stream of the call was reset (HTTP/2 error ${code})`];
  }
}

/** Of an answer that is none of gRPC, by its HTTP status (gRPC, "HTTP to gRPC status code mapping"). */
export function httpStatus(status: string | undefined): LocalStatus {
  return [codeOfHttp(status), `the server answered with HTTP status ${status}`];
}

function codeOfHttp(status: string | undefined): Status {
  switch (status) {
    case '400':
      return Status.INTERNAL;
    case '401':
      return Status.UNAUTHENTICATED;
    case '403':
      return Status.PERMISSION_DENIED;
    case '404':
      return Status.UNIMPLEMENTED;
    case '429':
    case '502':
    case '503':
    case '504':
      return Status.UNAVAILABLE;
    default:
      return Status.UNKNOWN;
  }
}

function isOver(deadlineMs: number | undefined, nowMs: number): boolean {
  return deadlineMs !== undefined && nowMs >= deadlineMs;
}
