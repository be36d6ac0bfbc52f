import { Status } from 'nice-grpc-common';
import { requestIdKey } from '../../request-id.ts';
import { literalFields } from '../http2/codec/literal-fields.ts';
import { listBytes } from '../http2/hpack/tables/dynamic-table.ts';
import { acceptEncoding, type Compression } from './compression.ts';
import { statusFields } from './status-fields.ts';

const headerFields = [':status', '200', 'content-type', 'application/grpc+proto'] as const;
/** The size of the fields that every response has, which count toward the limit of the caller. */
const ownBytes = listBytes(headerFields) + listBytes(statusFields(Status.OK, ''));
const plainHeader = literalFields(headerFields);
const okTrailers = literalFields(statusFields(Status.OK, ''));
/** The literal `x-request-id` before the length of its value, which has one byte up to `maxShortLength`. */
const requestIdName = literalFields([requestIdKey, '']).subarray(0, -1);
const maxShortLength = 126;
const headersByEncoding = new Map<string, Buffer>();

/** The header of a response whose messages may be compressed with `compression`, with its request id if there is one. */
export function replyHeader(
  requestId: string | undefined,
  compression: Compression | undefined,
  custom: readonly string[] | undefined,
): Buffer {
  const plain = headerFor(compression);
  const header = requestId === undefined ? plain : withRequestId(plain, requestId);
  return custom === undefined ? header : Buffer.concat([header, literalFields(custom)]);
}

/** Adds `x-request-id` with one allocation. */
function withRequestId(header: Buffer, requestId: string): Buffer {
  if (requestId.length > maxShortLength) return Buffer.concat([header, literalFields([requestIdKey, requestId])]);
  const at = header.length + requestIdName.length;
  const block = Buffer.allocUnsafe(at + 1 + requestId.length);
  block.set(header);
  block.set(requestIdName, header.length);
  block[at] = requestId.length;
  block.write(requestId, at + 1, 'latin1');
  return block;
}

function headerFor(compression: Compression | undefined): Buffer {
  if (compression === undefined) return plainHeader;
  let block = headersByEncoding.get(compression.name);
  if (block === undefined) {
    block = literalFields([...headerFields, ...encodingFields(compression)]);
    headersByEncoding.set(compression.name, block);
  }
  return block;
}

/** The trailers of a response with status OK. */
export function okTrailersWith(custom: readonly string[] | undefined): Buffer {
  return custom === undefined ? okTrailers : literalFields([...statusFields(Status.OK, ''), ...custom]);
}

/** A response with only a status. */
export function statusOnly(fields: readonly string[]): Buffer {
  return literalFields([...headerFields, ...fields]);
}

/** Whether these fields, with those of every response, fit into the limit of the caller. */
export function fits(custom: readonly string[], maxBytes: number): boolean {
  return maxBytes === Number.POSITIVE_INFINITY || ownBytes + listBytes(custom) <= maxBytes;
}

/**
 * The fields of a status and `more`, within the caller's limit of `maxBytes`: if they exceed it, `more` is dropped, and then
 * the text. The code is always sent.
 */
export function fittingStatus(code: Status, details: string, more: readonly string[], maxBytes: number): string[] {
  const status = statusFields(code, details);
  if (fits([...status, ...more], maxBytes)) return [...status, ...more];
  return fits(status, maxBytes) ? status : statusFields(code, '');
}

function encodingFields(compression: Compression | undefined): readonly string[] {
  return compression === undefined ? [] : ['grpc-encoding', compression.name, 'grpc-accept-encoding', acceptEncoding];
}
