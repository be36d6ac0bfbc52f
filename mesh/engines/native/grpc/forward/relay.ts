import type { Http2Stream } from '../../http2/streams/stream.ts';

// Smaller pieces are copied and sent together. Each of them would otherwise keep the whole chunk that it arrived in.
const smallBytes = 2 * 1024;
const nothing = new Uint8Array(0);

/**
 * Passes the bytes of one direction from a stream to another. Its sender may send more once they have left: a reader that is
 * slow, or has given no window, stops it, and no more than that window is held.
 */
export class Relay {
  /** Bytes that were received and for which the sender has no window yet. */
  #owedBytes = 0;

  /** Counts bytes that are held elsewhere until `resume`. */
  hold(bytes: number): void {
    this.#owedBytes += bytes;
  }

  pass(from: Http2Stream, to: Http2Stream, piece: Buffer): void {
    const isStalled = hasStalled(to);
    if (piece.length <= smallBytes) to.writeWithPrefix(nothing, piece);
    else to.write(isStalled ? Buffer.from(piece) : piece);
    this.sent(from, to, piece.length);
  }

  /** Counts bytes that were written to `to`. */
  sent(from: Http2Stream, to: Http2Stream, bytes: number): void {
    this.#owedBytes += bytes;
    this.resume(from, to);
  }

  /** Gives the sender its windows back, unless `to` still waits for its reader. */
  resume(from: Http2Stream, to: Http2Stream): void {
    if (hasStalled(to)) {
      to.wantsRoom = true;
      return;
    }
    const owed = this.#owedBytes;
    this.#owedBytes = 0;
    if (owed > 0) from.consumed(owed);
  }
}

/** Whether what waits in a stream is not leaving it now. */
function hasStalled(stream: Http2Stream): boolean {
  return stream.blockedMs > 0 || !(stream.hasRoom || stream.closed);
}
