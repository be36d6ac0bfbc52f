import { Readable } from 'node:stream';

const pieceBytes = 64 * 1024;

/**
 * Returns bytes as a stream of pieces if there are many of them: of a single write, nobody sees how far its client has read it. Anything
 * else is returned as it is.
 */
export function inPieces(body: unknown): unknown {
  return body instanceof Uint8Array && body.length > pieceBytes
    ? Readable.from(piecesOf(body), { objectMode: false, highWaterMark: pieceBytes })
    : body;
}

function* piecesOf(bytes: Uint8Array): Generator<Uint8Array, void> {
  for (let start = 0; start < bytes.length; start += pieceBytes) yield bytes.subarray(start, start + pieceBytes);
}
