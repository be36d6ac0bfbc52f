import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { messageTooLarge, undecompressable } from './errors.ts';

/**
 * A compression of messages, by its name in `grpc-encoding`. It runs synchronously on the event loop: a thread would cost more
 * than most messages, and messages would have to wait for each other to stay in order. A message of 4 MiB, the largest that
 * is accepted, takes about 20 ms to decompress and 100 ms to compress.
 */
export interface Compression {
  readonly name: string;
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws what `zlib` throws; a RangeError if the result exceeds `maxBytes`. */
  decompress(bytes: Uint8Array, maxBytes: number): Buffer;
}

/** The preferred compression. */
export const gzip: Compression = {
  name: 'gzip',
  compress: (bytes) => gzipSync(bytes),
  decompress: (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
};

const deflate: Compression = {
  name: 'deflate',
  compress: (bytes) => deflateSync(bytes),
  decompress: (bytes, maxOutputLength) => inflateSync(bytes, { maxOutputLength }),
};

const compressions: ReadonlyMap<string, Compression> = new Map([gzip, deflate].map((one) => [one.name, one]));

/** The value of `grpc-accept-encoding` that this engine sends. */
export const acceptEncoding = ['identity', ...compressions.keys()].join(',');

/** Whether this engine can read messages with this encoding. */
export function isKnownEncoding(name: string): boolean {
  return name === 'identity' || compressions.has(name);
}

// A caller sends the same value with every call.
let lastAccepts = '';
let lastCompression: Compression | undefined;

/** The compression for a peer with this `grpc-accept-encoding`; `undefined` if none is common. */
export function compressionFor(accepts = ''): Compression | undefined {
  if (accepts === lastAccepts) return lastCompression;
  const names = accepts.split(',').map((name) => name.trim());
  lastAccepts = accepts;
  lastCompression = [gzip, deflate].find(({ name }) => names.includes(name));
  return lastCompression;
}

/** A compressed message. It stays compressed until it is read, because it may expand a thousandfold. */
export class CompressedMessage {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** A message as it arrived. */
export type ReceivedMessage = Buffer | CompressedMessage;

/**
 * The bytes of a message, decompressed with `encoding` if it is compressed. Throws RESOURCE_EXHAUSTED `MESSAGE_TOO_LARGE` if
 * they exceed `maxBytes`, and INTERNAL `UNDECOMPRESSABLE`.
 */
export function plainBytes(message: ReceivedMessage, encoding: string | undefined, maxBytes: number): Buffer {
  if (!(message instanceof CompressedMessage)) return message;
  if (encoding === undefined || encoding === 'identity') {
    throw undecompressable({ problem: 'it is flagged as compressed, but grpc-encoding is missing' });
  }
  const compression = compressions.get(encoding);
  if (compression === undefined) throw undecompressable({ problem: `encoding ${encoding} is not supported` });
  try {
    return compression.decompress(message.bytes, maxBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw messageTooLarge({ maxBytes });
    throw undecompressable({ problem: (error as Error).message });
  }
}
