import { Metadata, Status } from 'nice-grpc-common';
import { MeshError } from '../../../../errors/mesh-error.ts';
import { isGrpcType } from '../../../content-type.ts';
import { TransportError } from '../../../transport-error.ts';
import { fieldValue } from '../../http2/codec/field-rules.ts';
import { ErrorCode } from '../../http2/codec/frames.ts';
import { messageTooLarge } from '../errors.ts';
import { percentDecode } from '../status-fields.ts';

/** The status of a call for which the server sent none. */
export type LocalStatus = readonly [code: Status, details: string];

export const deadlineStatus: LocalStatus = [Status.DEADLINE_EXCEEDED, 'deadline exceeded'];

/** The status of a call that ends with its server. */
export const goawayStatus: LocalStatus = [Status.UNAVAILABLE, 'the server ends the connection'];

/** The status of a call whose metadata the server would refuse. */
export function metadataStatus(maxBytes: number): LocalStatus {
  const text = `the metadata of the call is larger than the ${maxBytes} bytes that the server accepts: send less, or send it in the message`;
  return [Status.RESOURCE_EXHAUSTED, text];
}

/** The status of a response without trailers. */
export const noTrailersStatus: LocalStatus = [Status.INTERNAL, 'the server ended the call without trailers'];

/** The status of a response whose fields exceed the limit. */
export const tooLargeStatus: LocalStatus = [
  Status.RESOURCE_EXHAUSTED,
  'the metadata of the response is larger than 16 KiB: reduce what the server sends',
];

/** The status of a call whose signal aborted. The signal of a call scope also aborts when the deadline passes. */
export function abortStatus(deadlineMs: number | undefined, nowMs: number): LocalStatus {
  return isOver(deadlineMs, nowMs) ? deadlineStatus : [Status.CANCELLED, 'the caller cancelled the call'];
}

/** The status of a stream that was reset (gRPC over HTTP/2, "Errors"). A server cancels a call after its deadline. */
export function resetStatus(code: ErrorCode, deadlineMs: number | undefined, nowMs: number): LocalStatus {
  switch (code) {
    case ErrorCode.REFUSED_STREAM:
      return [Status.UNAVAILABLE, 'the server accepts no further calls now'];
    case ErrorCode.CONNECT_ERROR:
      return [Status.UNAVAILABLE, 'the connection was lost'];
    case ErrorCode.CANCEL:
      return isOver(deadlineMs, nowMs) ? deadlineStatus : [Status.CANCELLED, 'the server cancelled the call'];
    case ErrorCode.ENHANCE_YOUR_CALM:
      return [Status.RESOURCE_EXHAUSTED, 'the server is overloaded'];
    case ErrorCode.INADEQUATE_SECURITY:
      return [Status.PERMISSION_DENIED, 'the connection is not secure enough'];
    default:
      return [Status.INTERNAL, `the stream of the call was reset (HTTP/2 error ${code})`];
  }
}

/** The error of a call whose stream was reset. `isUnsent`: no handler has seen the call. */
export function resetError(
  path: string,
  code: ErrorCode,
  deadlineMs: number | undefined,
  isUnsent: boolean,
): TransportError {
  const lost = code === ErrorCode.CONNECT_ERROR ? 'lost' : undefined;
  const status = resetStatus(code, deadlineMs, Date.now());
  return new TransportError(path, ...status, Metadata(), isUnsent ? 'unsent' : lost);
}

/** The status of a response that is not gRPC, by its HTTP status (gRPC, "HTTP to gRPC status code mapping"). */
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

/** Why the fields do not begin a gRPC response; `undefined` if they do. */
export function headFault(fields: readonly string[]): LocalStatus | undefined {
  const status = fieldValue(fields, ':status');
  if (status !== '200') return fieldValue(fields, 'grpc-status') === undefined ? httpStatus(status) : undefined;
  const type = fieldValue(fields, 'content-type') ?? '';
  if (isGrpcType(type)) return undefined;
  return [Status.UNKNOWN, `the response is not gRPC: its content-type is "${type}"`];
}

/** The status in the trailers of a response. `midway`: its last message is incomplete. */
export function statusOf(fields: readonly string[], midway: boolean): LocalStatus {
  const status = fieldValue(fields, 'grpc-status');
  if (status === undefined) return [Status.UNKNOWN, 'the server ended the call without a status'];
  if (midway) return [Status.INTERNAL, 'the response ends within a message'];
  const code = /^(?:\d|1[0-6])$/.test(status) ? Number(status) : Status.UNKNOWN;
  return [code, percentDecode(fieldValue(fields, 'grpc-message') ?? '')];
}

/** The status of a call with one response whose server returned another number of them. */
export const noResponse: LocalStatus = [Status.UNIMPLEMENTED, 'the server returned OK without a message'];
export const severalResponses: LocalStatus = [Status.UNIMPLEMENTED, 'the server returned more than one message'];

/** A response that this side cannot read: too large or malformed, with the code of its MeshError, or not decodable: INTERNAL. */
export function undecodableResponse(path: string, cause: unknown): TransportError {
  if (!(cause instanceof MeshError)) {
    return new TransportError(path, Status.INTERNAL, `the response cannot be decoded: ${cause}`, Metadata());
  }
  const fate = messageTooLarge.is(cause) ? 'too-large' : undefined;
  return new TransportError(path, cause.code, cause.message, Metadata(), fate);
}
