import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { messageTooLarge, undecompressable } from './errors.ts';

/**
 * A way to make messages smaller, by its name in `grpc-encoding`. It works at once, on the event loop: another thread would
 * cost more than most messages are worth, and messages would have to wait for each other to keep their order. Of a message
 * of 4 MiB, the largest that is taken, that is some 20 ms to decompress and 100 ms to compress.
 */
export interface Compression {
  readonly name: string;
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws what `zlib` throws, a RangeError for more than `maxBytes`. */
  decompress(bytes: Uint8Array, maxBytes: number): Buffer;
}

/** What gzip is for us: what we compress with, unless a peer takes only deflate. */
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

/** What we understand, as `grpc-accept-encoding` says it. */
export const acceptEncoding = ['identity', ...compressions.keys()].join(',');

/** Whether messages in the encoding of this name can be read here. */
export function isKnownEncoding(name: string): boolean {
  return name === 'identity' || compressions.has(name);
}

// Callers say the same in every call.
let lastAccepts = '';
let lastCompression: Compression | undefined;

/** What to compress with for a peer that says `grpc-accept-encoding`; `undefined`: it takes nothing that we have. */
export function compressionFor(accepts = ''): Compression | undefined {
  if (accepts === lastAccepts) return lastCompression;
  const names = accepts.split(',').map((name) => name.trim());
  lastAccepts = accepts;
  lastCompression = [gzip, deflate].find(({ name }) => names.includes(name));
  return lastCompression;
}

/** A message that came compressed, and is kept so until it is asked for: it may be a thousand times as large. */
export class CompressedMessage {
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** A message as it came. */
export type ReceivedMessage = Buffer | CompressedMessage;

/**
 * The bytes of a message, decompressed where it came compressed with `encoding`. RESOURCE_EXHAUSTED `MESSAGE_TOO_LARGE` when
 * that is more than `maxBytes`, INTERNAL `UNDECOMPRESSABLE`.
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
