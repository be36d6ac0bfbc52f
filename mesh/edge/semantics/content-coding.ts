import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import { bodyTooLarge } from '../errors.ts';
import { malformedCoding, notAcceptable, unsupportedCoding } from './errors.ts';
import { readQualityValues } from './quality-values.ts';

/** How the body of a message is encoded. */
export type Coding = 'identity' | 'gzip';

/** Smaller answers fit into one packet either way. */
export const minCompressedBytes = 1_024;

const inflate = promisify(gunzip);
const deflate = promisify(gzip);

/**
 * Returns how to encode an answer of this size: with gzip where the header `Accept-Encoding` likes it at least as much as plain
 * bytes. Throws INVALID_ARGUMENT `NOT_ACCEPTABLE` if it refuses both.
 */
export function chooseCoding(acceptEncoding: string | undefined, bytes: number): Coding {
  if (acceptEncoding === undefined) return 'identity';
  const accepted = new Map(readQualityValues(acceptEncoding).map(({ value, quality }) => [value, quality]));
  const rest = accepted.get('*');
  const zipped = accepted.get('gzip') ?? accepted.get('x-gzip') ?? rest ?? 0;
  // Plain bytes are acceptable unless the header says otherwise, but not preferred to what it names.
  const plain = accepted.get('identity') ?? (rest === 0 ? 0 : undefined);
  if (plain === 0) {
    if (zipped === 0) throw notAcceptable({ header: 'Accept-Encoding', offered: ['identity', 'gzip'] });
    return 'gzip';
  }
  return zipped > 0 && zipped >= (plain ?? 0) && bytes >= minCompressedBytes ? 'gzip' : 'identity';
}

/** Compresses an answer: quickly rather than well. */
export function compress(body: Uint8Array): Promise<Uint8Array> {
  return deflate(body, { level: constants.Z_BEST_SPEED });
}

/**
 * Returns the body of a request as it was before its `Content-Encoding`. Throws INVALID_ARGUMENT `UNSUPPORTED_CONTENT_ENCODING` for
 * any but gzip, `BODY_TOO_LARGE` as soon as it has more than `maxBytes`, and `MALFORMED_CONTENT_ENCODING`.
 */
export async function decompress(body: Buffer, contentEncoding: string | undefined, maxBytes: number): Promise<Buffer> {
  switch (contentEncoding?.trim().toLowerCase() ?? 'identity') {
    case 'identity':
    case '':
      return body;
    case 'gzip':
    case 'x-gzip':
      return inflateWithin(body, maxBytes);
    default:
      throw unsupportedCoding();
  }
}

async function inflateWithin(body: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    return await inflate(body, { maxOutputLength: maxBytes });
  } catch (error) {
    const isTooLarge = error instanceof RangeError;
    throw isTooLarge ? bodyTooLarge({ maxBytes }) : malformedCoding(undefined, { cause: error });
  }
}
