import { ConnectionError, clientPreface, ErrorCode, frameHeaderBytes } from './frames.ts';

/** Receives the frames of a connection. The payload is `buffer` from `start` to `end`, and valid only during the call. */
export interface FrameSink {
  frame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void;
  /** Whether no further frames are accepted. */
  readonly closed: boolean;
}

export interface FrameReaderOptions {
  /** Whether the peer is a client, which sends its preface before its first frame. */
  readonly expectPreface: boolean;
  /** The largest payload that is accepted. */
  readonly maxFrameBytes: number;
}

// The status line of a peer that speaks HTTP/1.1.
const maxLineBytes = 80;

/**
 * Finds the frames in the chunks that a connection delivers. A frame that arrives in one chunk is not copied. Throws a
 * ConnectionError for bytes that are not HTTP/2, and for a frame that is too large before it waits for its payload.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxFrameBytes: number;
  #prefaceAt: number;
  /** A frame of which only `#partialBytes` have arrived. */
  #partial: Buffer | undefined;
  #partialBytes = 0;

  constructor(sink: FrameSink, { expectPreface, maxFrameBytes }: FrameReaderOptions) {
    this.#sink = sink;
    this.#maxFrameBytes = maxFrameBytes;
    this.#prefaceAt = expectPreface ? 0 : clientPreface.length;
  }

  push(chunk: Buffer): void {
    let at = this.#prefaceAt < clientPreface.length ? this.#readPreface(chunk) : 0;
    if (this.#partial !== undefined) at = this.#complete(chunk, at);
    while (chunk.length - at >= frameHeaderBytes && !this.#sink.closed) {
      const end = at + frameHeaderBytes + this.#payloadBytes(chunk, at);
      if (end > chunk.length) break;
      this.#emit(chunk, at, end);
      at = end;
    }
    if (at < chunk.length && !this.#sink.closed) this.#keep(chunk, at);
  }

  #readPreface(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && this.#prefaceAt < clientPreface.length) {
      if (chunk[at] !== clientPreface[this.#prefaceAt]) {
        const text = 'the connection does not begin with the HTTP/2 preface';
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, text, 'not_http2');
      }
      at += 1;
      this.#prefaceAt += 1;
    }
    return at;
  }

  #payloadBytes(buffer: Buffer, at: number): number {
    const bytes = ((buffer[at] ?? 0) << 16) | ((buffer[at + 1] ?? 0) << 8) | (buffer[at + 2] ?? 0);
    if (bytes > this.#maxFrameBytes) {
      const start = buffer.toString('latin1', at, at + maxLineBytes);
      const line = /^HTTP\/1\.\d \d{3}[^\r\n]*/.exec(start)?.[0];
      const tooLarge = `a frame has ${bytes} bytes, more than the limit of ${this.#maxFrameBytes}`;
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, line ? `the peer answered ${line}` : tooLarge);
    }
    return bytes;
  }

  #emit(buffer: Buffer, at: number, end: number): void {
    const streamId = buffer.readUInt32BE(at + 5) & 0x7fff_ffff;
    this.#sink.frame(buffer[at + 3] ?? 0, buffer[at + 4] ?? 0, streamId, buffer, at + frameHeaderBytes, end);
  }

  #keep(chunk: Buffer, at: number): void {
    const have = chunk.length - at;
    const whole = have >= frameHeaderBytes ? frameHeaderBytes + this.#payloadBytes(chunk, at) : frameHeaderBytes;
    this.#partial = Buffer.allocUnsafe(whole);
    this.#partialBytes = chunk.copy(this.#partial, 0, at);
  }

  /** Adds to the incomplete frame and delivers it once it is complete. Returns up to where the chunk is used. */
  #complete(chunk: Buffer, from: number): number {
    let at = from;
    while (this.#partial !== undefined && at < chunk.length) {
      const copied = chunk.copy(this.#partial, this.#partialBytes, at);
      at += copied;
      this.#partialBytes += copied;
      if (this.#partialBytes < this.#partial.length) return at;
      if (this.#partialBytes === frameHeaderBytes) {
        const whole = frameHeaderBytes + this.#payloadBytes(this.#partial, 0);
        if (whole > frameHeaderBytes) {
          const header = this.#partial;
          this.#partial = Buffer.allocUnsafe(whole);
          header.copy(this.#partial);
          continue;
        }
      }
      const frame = this.#partial;
      this.#partial = undefined;
      this.#emit(frame, 0, frame.length);
    }
    return at;
  }
}
