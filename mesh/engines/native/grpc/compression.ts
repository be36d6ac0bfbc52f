import { promisify } from 'node:util';
import { deflateSync, gunzip, gunzipSync, gzipSync, inflate, inflateSync } from 'node:zlib';
import { messageOf } from '../../../errors/error-text.ts';
import type { MeshError } from '../../../errors/mesh-error.ts';
import { messageTooLarge, undecompressable } from './errors.ts';

/** Runs work on other threads in order, at most `count` at a time. */
class Threads {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run(work: () => Promise<void>): Promise<void> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

// Up to this size a thread costs more than it saves.
const smallBytes = 64 * 1024;
// Of the four that Node has for everything.
const threads = new Threads(2);
const asideChunkBytes = 256 * 1024;
const gunzipAside = promisify(gunzip);
const inflateAside = promisify(inflate);

/**
 * A compression of messages, by its name in `grpc-encoding`. Messages are compressed on the event loop, because they have to
 * stay in order: 4 MiB, the largest that is accepted, takes about 100 ms.
 */
export interface Compression {
  readonly name: string;
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws what `zlib` throws; a RangeError if the result exceeds `maxBytes`. */
  decompress(bytes: Uint8Array, maxBytes: number): Buffer;
  /** The same on another thread. */
  decompressAside(bytes: Uint8Array, maxBytes: number): Promise<Buffer>;
}

/** The preferred compression. */
export const gzip: Compression = {
  name: 'gzip',
  compress: (bytes) => gzipSync(bytes),
  decompress: (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
  decompressAside: (bytes, maxOutputLength) => gunzipAside(bytes, { maxOutputLength, chunkSize: asideChunkBytes }),
};

const deflate: Compression = {
  name: 'deflate',
  compress: (bytes) => deflateSync(bytes),
  decompress: (bytes, maxOutputLength) => inflateSync(bytes, { maxOutputLength }),
  decompressAside: (bytes, maxOutputLength) => inflateAside(bytes, { maxOutputLength, chunkSize: asideChunkBytes }),
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
  /** Set once it was decompressed ahead of being read: its bytes, or why that failed. */
  outcome: { readonly bytes: Buffer } | { readonly error: unknown } | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/** A message as it arrived. */
export type ReceivedMessage = Buffer | CompressedMessage;

// Deflate, which gzip uses, too, compresses no better.
const maxRatio = 1_032;

/**
 * The size of a message once it is decompressed: as gzip announces it, and for deflate, which does not, four times its size. It
 * may be wrong, but is possible, and at most `maxBytes`: a few bytes cannot claim the room of a large message.
 */
export function announcedBytes(message: ReceivedMessage, encoding: string | undefined, maxBytes: number): number {
  if (!(message instanceof CompressedMessage)) return message.length;
  const { bytes } = message;
  const announced = encoding === 'gzip' && bytes.length >= 4 ? bytes.readUInt32LE(bytes.length - 4) : 4 * bytes.length;
  return Math.min(Math.max(announced, bytes.length), maxRatio * bytes.length, maxBytes);
}

/**
 * Decompresses a large message on another thread, so `plainBytes` finds its bytes. Never rejects. `undefined` if there is
 * nothing to wait for: a small message is decompressed immediately. One that is no longer wanted when its turn comes is not
 * decompressed, and `plainBytes` throws an AbortError.
 */
export function decompressAhead(
  message: ReceivedMessage,
  encoding: string | undefined,
  maxBytes: number,
  isWanted: () => boolean,
): Promise<void> | undefined {
  const compression = compressions.get(encoding ?? '');
  if (!(message instanceof CompressedMessage) || message.outcome !== undefined || compression === undefined) return;
  const { bytes } = message;
  if (announcedBytes(message, encoding, maxBytes) <= smallBytes) {
    try {
      message.outcome = { bytes: compression.decompress(bytes, Math.min(smallBytes, maxBytes)) };
      return;
    } catch (error) {
      if (!isTooLarge(error) || maxBytes <= smallBytes) {
        message.outcome = { error: faultOf(error, maxBytes) };
        return;
      }
      // It is larger than it claims.
    }
  }
  return threads.run(async () => {
    if (!isWanted()) {
      message.outcome = { error: new DOMException('the call ended before its message was decompressed', 'AbortError') };
      return;
    }
    try {
      message.outcome = { bytes: await compression.decompressAside(bytes, maxBytes) };
    } catch (error) {
      message.outcome = { error: faultOf(error, maxBytes) };
    }
  });
}

/**
 * The bytes of a message, decompressed with `encoding` if it is compressed. Throws RESOURCE_EXHAUSTED `MESSAGE_TOO_LARGE` if
 * they exceed `maxBytes`, and INTERNAL `UNDECOMPRESSABLE`.
 */
export function plainBytes(message: ReceivedMessage, encoding: string | undefined, maxBytes: number): Buffer {
  if (!(message instanceof CompressedMessage)) return message;
  const { outcome } = message;
  if (outcome !== undefined) {
    if ('error' in outcome) throw outcome.error;
    return outcome.bytes;
  }
  if (encoding === undefined || encoding === 'identity') {
    throw undecompressable({ problem: 'it is flagged as compressed, but grpc-encoding is missing' });
  }
  const compression = compressions.get(encoding);
  if (compression === undefined) throw undecompressable({ problem: `encoding ${encoding} is not supported` });
  try {
    return compression.decompress(message.bytes, maxBytes);
  } catch (error) {
    throw faultOf(error, maxBytes);
  }
}

function isTooLarge(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
}

function faultOf(error: unknown, maxBytes: number): MeshError {
  return isTooLarge(error) ? messageTooLarge({ maxBytes }) : undecompressable({ problem: messageOf(error) });
}
