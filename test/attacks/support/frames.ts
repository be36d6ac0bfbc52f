import { clientPreface, Flag, FrameType } from '../../../mesh/engines/native/http2/codec/frames.ts';
import { literalFields } from '../../../mesh/engines/native/http2/codec/literal-fields.ts';
import { http2Frame as frame } from '../../../mesh/testing/http2-frame.ts';

export { frame };

export function settings(...values: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * values.length);
  for (const [index, [id, value]] of values.entries()) {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  }
  return frame(FrameType.SETTINGS, 0, 0, payload);
}

/** The start of a client's connection: preface and SETTINGS. */
export const hello: Buffer = Buffer.concat([clientPreface, settings()]);

export function ping(payload: Uint8Array = Buffer.alloc(8)): Buffer {
  return frame(FrameType.PING, 0, 0, payload);
}

export function windowUpdate(streamId: number, bytes: number): Buffer {
  return frame(FrameType.WINDOW_UPDATE, 0, streamId, uint32(bytes));
}

export function reset(streamId: number, code = 8): Buffer {
  return frame(FrameType.RST_STREAM, 0, streamId, uint32(code));
}

export function goaway(lastStreamId: number, code: number): Buffer {
  return frame(FrameType.GOAWAY, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(code)]));
}

/** HEADERS with a complete block. */
export function headers(streamId: number, block: Uint8Array, flags = 0): Buffer {
  return frame(FrameType.HEADERS, Flag.END_HEADERS | flags, streamId, block);
}

export function data(streamId: number, bytes: Uint8Array, flags = 0): Buffer {
  return frame(FrameType.DATA, flags, streamId, bytes);
}

/** The fields of a gRPC request, as a block that uses no table. */
export function requestBlock(path: string, ...more: readonly string[]): Buffer {
  const fields = [':method', 'POST', ':scheme', 'http', ':path', path, ':authority', 'attacked'];
  return literalFields([...fields, 'te', 'trailers', 'content-type', 'application/grpc', ...more]);
}

/** A message with its prefix. `length` is the length in the prefix. */
export function message(bytes: Uint8Array, length: number = bytes.length, flag = 0): Buffer {
  return Buffer.concat([Buffer.of(flag), uint32(length), bytes]);
}

/** A complete unary call. */
export function call(streamId: number, path: string, request: Uint8Array = Buffer.alloc(0)): Buffer {
  const body = data(streamId, message(request), Flag.END_STREAM);
  return Buffer.concat([headers(streamId, requestBlock(path)), body]);
}

/** The frames of `make` for the first, second, ... stream of a client. */
export function forStreams(count: number, make: (streamId: number) => Buffer, first = 1): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => make(first + 2 * index)));
}

/** Repeats bytes `count` times. */
export function repeated(count: number, bytes: Uint8Array): Buffer {
  return Buffer.alloc(count * bytes.length, bytes);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
