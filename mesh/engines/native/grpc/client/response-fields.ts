import { Status } from 'nice-grpc-common';
import { fieldValue } from '../../http2/codec/field-rules.ts';
import { decodeMessage } from '../status-fields.ts';
import { httpStatus, type LocalStatus } from './local-status.ts';

/** Why the fields of a response begin no answer of gRPC; `undefined`: they do. */
export function headFault(fields: readonly string[]): LocalStatus | undefined {
  const status = fieldValue(fields, ':status');
  if (status !== '200') return fieldValue(fields, 'grpc-status') === undefined ? httpStatus(status) : undefined;
  const isGrpc = fieldValue(fields, 'content-type')?.startsWith('application/grpc');
  return isGrpc ? undefined : [Status.UNKNOWN, 'the answer is no gRPC'];
}

/** What an answer ends with, by its trailers; `midway`: a message of it has begun and not ended. */
export function statusOf(fields: readonly string[], midway: boolean): LocalStatus {
  const status = fieldValue(fields, 'grpc-status');
  if (status === undefined) return [Status.UNKNOWN, 'the server ended the call without a status'];
  if (midway) return [Status.INTERNAL, 'the answer ends in the middle of a message'];
  const code = /^(?:\d|1[0-6])$/.test(status) ? Number(status) : Status.UNKNOWN;
  return [code, decodeMessage(fieldValue(fields, 'grpc-message') ?? '')];
}
