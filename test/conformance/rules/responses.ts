import { Flag } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { data, headers, message } from '../../attacks/support/frames.ts';
import { blockOf, type Fields } from './requests.ts';

/** Frames of a response, for a stream. */
export type Part = (streamId: number) => Buffer;

const responseHeader: Fields = { ':status': '200', 'content-type': 'application/grpc' };

/** The header of a response, changed and extended by `changes`. */
export function header(changes: Fields = {}, flags = 0): Part {
  return block({ ...responseHeader, ...changes }, flags);
}

/** HEADERS with these fields. */
export function block(fields: Fields, flags = 0): Part {
  return (streamId) => headers(streamId, blockOf(fields), flags);
}

export function trailers(fields: Fields = { 'grpc-status': '0' }): Part {
  return block(fields, Flag.END_STREAM);
}

/** A response that has only a status. */
export function trailersOnly(fields: Fields): Part {
  return header(fields, Flag.END_STREAM);
}

/** A message of text. */
export function text(value: string, flags = 0): Part {
  return body(message(Buffer.from(value)), flags);
}

export function body(bytes: Uint8Array, flags = 0): Part {
  return (streamId) => data(streamId, bytes, flags);
}

/** All parts, one after the other. */
export function all(...parts: readonly Part[]): Part {
  return (streamId) => Buffer.concat(parts.map((part) => part(streamId)));
}
