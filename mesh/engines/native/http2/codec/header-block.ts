import { ConnectionError, ErrorCode } from './frames.ts';

// A block fits into one frame unless it is large. A peer that splits it into many is attacking (CVE-2024-27316).
const maxContinuations = 10;

/** A header block that is split over a HEADERS frame and CONTINUATIONs. */
export class HeaderBlock {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  #streamId = 0;
  #endStream = false;

  /** `maxBytes`: the maximum size of a block before it is decoded. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The stream whose block is incomplete; 0: none. */
  get streamId(): number {
    return this.#streamId;
  }

  get endStream(): boolean {
    return this.#endStream;
  }

  begin(streamId: number, endStream: boolean, part: Buffer): void {
    this.#streamId = streamId;
    this.#endStream = endStream;
    this.#parts = [];
    this.#bytes = 0;
    this.#add(part);
  }

  /** Adds a part; returns the complete block after the last one. */
  add(part: Buffer, last: boolean): Buffer | undefined {
    if (this.#parts.length > maxContinuations) {
      throw new ConnectionError(
        ErrorCode.ENHANCE_YOUR_CALM,
        `a header block is split over more than ${maxContinuations} frames`,
      );
    }
    this.#add(part);
    if (!last) return undefined;
    const block = Buffer.concat(this.#parts, this.#bytes);
    this.#parts = [];
    this.#streamId = 0;
    return block;
  }

  #add(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#maxBytes) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, `a header block is longer than ${this.#maxBytes} bytes`);
    }
    // A copy, because the buffer belongs to the reader.
    this.#parts.push(Buffer.from(part));
  }
}
