import type { Http2Stream } from '../http2/stream.ts';
import type { Compression } from './compression.ts';

const prefixBytes = 5;

/** Writes a message behind its prefix, compressed where `compression` is given; false when the next should wait. */
export function writeMessage(
  stream: Http2Stream,
  message: Uint8Array,
  compression: Compression | undefined = undefined,
): boolean {
  const bytes = compression === undefined ? message : compression.compress(message);
  stream.write(prefixOf(bytes, compression !== undefined));
  return stream.write(bytes);
}

/** What stands before a message: whether it is compressed, and its length. */
export function prefixOf(message: Uint8Array, isCompressed: boolean): Buffer {
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix[0] = isCompressed ? 1 : 0;
  prefix.writeUInt32BE(message.length, 1);
  return prefix;
}
