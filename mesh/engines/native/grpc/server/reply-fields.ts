import { Status } from 'nice-grpc-common';
import { literalFields } from '../../http2/literal-fields.ts';
import { acceptEncoding, type Compression } from '../compression.ts';
import { statusFields } from '../status-fields.ts';

const headerFields = [':status', '200', 'content-type', 'application/grpc+proto'] as const;
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

function encodingFields(compression: Compression | undefined): readonly string[] {
  return compression === undefined ? [] : ['grpc-encoding', compression.name, 'grpc-accept-encoding', acceptEncoding];
}
