import { Flag } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { literalFields } from '../../../mesh/engines/native/http2/codec/literal-fields.ts';
import { data, headers, message } from '../../attacks/support/frames.ts';

/** Fields by name; several values make several fields, and `undefined` leaves one out. */
export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>;

const request: Fields = {
  ':method': 'POST',
  ':scheme': 'http',
  ':path': '/rules/unary',
  ':authority': 'rules',
  te: 'trailers',
  'content-type': 'application/grpc',
};

/** A block with the fields of a request, changed and extended by `changes`. */
export function requestBlock(changes: Fields = {}): Buffer {
  return blockOf({ ...request, ...changes });
}

export function blockOf(fields: Fields): Buffer {
  const list = Object.entries(fields).flatMap(([name, value]) => [value ?? []].flat().flatMap((one) => [name, one]));
  return literalFields(list);
}

/** The frames of a call on stream 1 with these fields and one message. */
export function call(changes: Fields = {}, text = 'a'): Buffer {
  return withBody(changes, message(Buffer.from(text)));
}

/** The frames of a call on stream 1 with these fields and this body. */
export function withBody(changes: Fields, ...body: readonly Uint8Array[]): Buffer {
  return Buffer.concat([headers(1, requestBlock(changes)), data(1, Buffer.concat(body), Flag.END_STREAM)]);
}

/** The frames of a call on stream 1 with one message and these trailers. */
export function withTrailers(trailers: Fields, flags: number = Flag.END_STREAM): Buffer {
  const body = data(1, message(Buffer.from('a')));
  return Buffer.concat([headers(1, requestBlock()), body, headers(1, blockOf(trailers), flags)]);
}
