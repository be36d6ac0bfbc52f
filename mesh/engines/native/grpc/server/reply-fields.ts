import { Status } from 'nice-grpc-common';
import { literalFields } from '../../http2/codec/literal-fields.ts';
import { listBytes } from '../../http2/hpack/tables/dynamic-table.ts';
import { acceptEncoding, type Compression } from '../compression.ts';
import { statusFields } from '../status-fields.ts';

const headerFields = [':status', '200', 'content-type', 'application/grpc+proto'] as const;
/** What an answer's own fields take of what its caller allows; those of messages, which no answer can do without, count as well. */
const ownBytes = listBytes(headerFields) + listBytes(statusFields(Status.OK, ''));
const plainHeader = literalFields(headerFields);
const okTrailers = literalFields(statusFields(Status.OK, ''));
const headersByEncoding = new Map<string, Buffer>();

/** The header of an answer; `compression` is what messages in it may be compressed with. */
export function replyHeader(compression: Compression | undefined, custom: readonly string[] | undefined): Buffer {
  if (custom !== undefined) return literalFields([...headerFields, ...encodingFields(compression), ...custom]);
  if (compression === undefined) return plainHeader;
  let block = headersByEncoding.get(compression.name);
  if (block === undefined) {
    block = literalFields([...headerFields, ...encodingFields(compression)]);
    headersByEncoding.set(compression.name, block);
  }
  return block;
}

/** What ends an answer that is OK. */
export function okTrailersWith(custom: readonly string[] | undefined): Buffer {
  return custom === undefined ? okTrailers : literalFields([...statusFields(Status.OK, ''), ...custom]);
}

/** An answer that is nothing but a status. */
export function statusOnly(fields: readonly string[]): Buffer {
  return literalFields([...headerFields, ...fields]);
}

/** Whether a caller that takes `mostBytes` of fields takes these with an answer's own. */
export function fits(custom: readonly string[], mostBytes: number): boolean {
  return mostBytes === Number.POSITIVE_INFINITY || ownBytes + listBytes(custom) <= mostBytes;
}

/**
 * The fields of a status and `more`, as far as a caller that takes `mostBytes` of fields takes them: `more` is left out when
 * it is too much, then the text. The code always comes.
 */
export function fittingStatus(code: Status, details: string, more: readonly string[], mostBytes: number): string[] {
  const status = statusFields(code, details);
  if (fits([...status, ...more], mostBytes)) return [...status, ...more];
  return fits(status, mostBytes) ? status : statusFields(code, '');
}

function encodingFields(compression: Compression | undefined): readonly string[] {
  return compression === undefined ? [] : ['grpc-encoding', compression.name, 'grpc-accept-encoding', acceptEncoding];
}
