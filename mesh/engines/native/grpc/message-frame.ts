import type { Http2Stream } from '../http2/streams/stream.ts';

const prefixBytes = 5;
// Reused for each message, because writing copies it.
const shared = Buffer.alloc(prefixBytes);

/** Writes a message with its prefix. Returns false if the next should wait. */
export function writeMessage(stream: Http2Stream, message: Uint8Array, isCompressed: boolean): boolean {
  fill(shared, message, isCompressed);
  return stream.writeWithPrefix(shared, message);
}

/** The prefix of a message: whether it is compressed, and its length. */
export function prefixOf(message: Uint8Array, isCompressed: boolean): Buffer {
  const prefix = Buffer.allocUnsafe(prefixBytes);
  fill(prefix, message, isCompressed);
  return prefix;
}

function fill(prefix: Buffer, { length }: Uint8Array, isCompressed: boolean): void {
  prefix[0] = isCompressed ? 1 : 0;
  prefix[1] = length >>> 24;
  prefix[2] = length >>> 16;
  prefix[3] = length >>> 8;
  prefix[4] = length;
}
