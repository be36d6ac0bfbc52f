import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { Status } from 'nice-grpc-common';
import { MeshError } from '../../../errors/mesh-error.ts';

/** A way to make messages smaller, by its name in `grpc-encoding`. */
export interface Compression {
  readonly name: string;
  compress(bytes: Uint8Array): Uint8Array;
  /** Throws what `zlib` throws, a RangeError for more than `maxBytes`. */
  decompress(bytes: Uint8Array, maxBytes: number): Buffer;
}

const compressions: ReadonlyMap<string, Compression> = new Map(
  [
    {
      name: 'gzip',
      compress: (bytes: Uint8Array) => gzipSync(bytes),
      decompress: (bytes: Uint8Array, maxOutputLength: number) => gunzipSync(bytes, { maxOutputLength }),
    },
    {
      name: 'deflate',
      compress: (bytes: Uint8Array) => deflateSync(bytes),
      decompress: (bytes: Uint8Array, maxOutputLength: number) => inflateSync(bytes, { maxOutputLength }),
    },
  ].map((compression) => [compression.name, compression]),
);

/** What we understand, as `grpc-accept-encoding` says it. */
export const acceptEncoding = ['identity', ...compressions.keys()].join(',');

/** The compression of a name; `undefined` for one that is not known, and for `identity`. */
export function compressionOf(name: string): Compression | undefined {
  return compressions.get(name);
}

/** A message as it was before it was compressed. RESOURCE_EXHAUSTED `MESSAGE_TOO_LARGE`, INTERNAL `UNDECOMPRESSABLE`. */
export function decompressed(compression: Compression | undefined, bytes: Uint8Array, maxBytes: number): Buffer {
  if (compression === undefined) throw undecompressable('it says that it is compressed, but not how');
  try {
    return compression.decompress(bytes, maxBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw messageTooLarge(maxBytes);
    throw undecompressable((error as Error).message);
  }
}

/** RESOURCE_EXHAUSTED `MESSAGE_TOO_LARGE`. */
export function messageTooLarge(maxBytes: number): MeshError {
  const text = `a message is larger than ${maxBytes} bytes: send less at a time`;
  return new MeshError(Status.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE', text);
}

function undecompressable(why: string): MeshError {
  const text = `a compressed message cannot be read: ${why}; look at what sends it`;
  return new MeshError(Status.INTERNAL, 'UNDECOMPRESSABLE', text);
}
