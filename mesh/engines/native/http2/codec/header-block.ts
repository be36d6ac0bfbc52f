import { ConnectionError, ErrorCode } from './frames.ts';

// A block comes in one frame unless it is large; who sends it in crumbs means harm (CVE-2024-27316).
const maxContinuations = 10;

/** A header block that comes in a HEADERS frame and CONTINUATIONs behind it. */
export class HeaderBlock {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;
  #streamId = 0;
  #endStream = false;

  /** `maxBytes`: the most that a block may have before it is decoded. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The stream whose block is awaited; 0: none. */
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

  /** Adds a part; the whole block when it was the last. */
  add(part: Buffer, last: boolean): Buffer | undefined {
    if (this.#parts.length > maxContinuations) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, `a header block comes in over ${maxContinuations} frames`);
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
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, `a header block is over ${this.#maxBytes} bytes`);
    }
    // The reader's buffer is not ours.
    this.#parts.push(Buffer.from(part));
  }
}
