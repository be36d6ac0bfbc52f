import { promisify } from 'node:util';
import {
  deflateSync,
  gunzip,
  gunzipSync,
  gzipSync,
  inflate,
  inflateSync,
  deflate as zlibDeflate,
  gzip as zlibGzip,
} from 'node:zlib';
import { messageOf } from '../../../errors/error-text.ts';
import type { MeshError } from '../../../errors/mesh-error.ts';
import { messageTooLarge, undecompressable } from './errors.ts';

/** Runs work on other threads, at most `count` at a time. Owners take turns; the work of each runs in order. */
class Threads {
  #free: number;
  readonly #waiting = new Map<unknown, (() => void)[]>();

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(owner: unknown, work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await this.#turn(owner);
    else this.#free -= 1;
    try {
      return await work();
    } finally {
      this.#startNext();
    }
  }

  #turn(owner: unknown): Promise<void> {
    return new Promise((resolve) => {
      const turns = this.#waiting.get(owner);
      if (turns === undefined) this.#waiting.set(owner, [resolve]);
      else turns.push(resolve);
    });
  }

  #startNext(): void {
    const [first] = this.#waiting;
    if (first === undefined) {
      this.#free += 1;
      return;
    }
    const [owner, turns] = first;
    const next = turns.shift();
    // A map is in the order of insertion, so its next turn is after those of the others.
    this.#waiting.delete(owner);
    if (turns.length > 0) this.#waiting.set(owner, turns);
    next?.();
  }
}

// Up to this size a thread costs more than it saves.
const smallBytes = 64 * 1024;
// Of the four that Node has for everything.
const threads = new Threads(2);
const asideChunkBytes = 256 * 1024;
const gzipAside = promisify(zlibGzip);
const gunzipAside = promisify(gunzip);
const deflateAside = promisify(zlibDeflate);
const inflateAside = promisify(inflate);

/** A compression of messages, by its name in `grpc-encoding`. */
export interface Compression {
  readonly name: string;
  compress(bytes: Uint8Array): Uint8Array;
  /** The same on another thread. */
  compressAside(bytes: Uint8Array): Promise<Uint8Array>;
  /** Throws what `zlib` throws; a RangeError if the result exceeds `maxBytes`. */
  decompress(bytes: Uint8Array, maxBytes: number): Buffer;
  /** The same on another thread. */
  decompressAside(bytes: Uint8Array, maxBytes: number): Promise<Buffer>;
}

/** The preferred compression. */
export const gzip: Compression = {
  name: 'gzip',
  compress: (bytes) => gzipSync(bytes),
  compressAside: (bytes) => gzipAside(bytes, { chunkSize: asideChunkBytes }),
  decompress: (bytes, maxOutputLength) => gunzipSync(bytes, { maxOutputLength }),
  decompressAside: (bytes, maxOutputLength) => gunzipAside(bytes, { maxOutputLength, chunkSize: asideChunkBytes }),
};

const deflate: Compression = {
  name: 'deflate',
  compress: (bytes) => deflateSync(bytes),
  compressAside: (bytes) => deflateAside(bytes, { chunkSize: asideChunkBytes }),
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

/** A message that waits for its reader. */
export type UnreadMessage = Uint8Array | CompressedMessage;

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
 * Compresses a large message on another thread: 4 MiB take about 100 ms. `undefined` for a small one, which is compressed
 * immediately. `owner` as in `DecompressOptions`.
 */
export function compressAhead(
  message: Uint8Array,
  compression: Compression,
  owner: unknown,
): Promise<Uint8Array> | undefined {
  if (message.length <= smallBytes) return undefined;
  return threads.run(owner, () => compression.compressAside(message));
}

export interface DecompressOptions {
  readonly encoding: string | undefined;
  readonly maxBytes: number;
  /** Whose message it is: owners take turns, so one with many large messages does not delay the others. */
  readonly owner: unknown;
  /** Whether the message is still wanted when its turn comes. */
  readonly isWanted: () => boolean;
}

/**
 * Decompresses a large message on another thread, so `plainBytes` finds its bytes. Never rejects. `undefined` if there is
 * nothing to wait for: a small message is decompressed immediately. One that is no longer wanted when its turn comes is not
 * decompressed, and `plainBytes` throws an AbortError.
 */
export function decompressAhead(
  message: ReceivedMessage,
  { encoding, maxBytes, owner, isWanted }: DecompressOptions,
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
  return threads.run(owner, async () => {
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
export function plainBytes<Plain extends Uint8Array>(
  message: Plain | CompressedMessage,
  encoding: string | undefined,
  maxBytes: number,
): Plain | Buffer {
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
