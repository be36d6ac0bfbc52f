import { HpackError } from './hpack-error.ts';
import { decodeHuffman } from './huffman/decode.ts';
import { latin1 } from './latin1.ts';

const nothing: Buffer = Buffer.alloc(0);
const maxContinuationBytes = 5;
const maxInteger = 2 ** 31 - 1;
const huffmanFlag = 0x80;
const lengthMask = 0x7f;

/** Reads the integers and strings of header blocks (RFC 7541 section 5). Throws an HpackError for invalid ones. */
export class BlockReader {
  #bytes = nothing;
  #at = 0;
  #end = 0;

  /** Begins with the block from `start` to `end`. */
  open(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Releases the bytes of the block, which are often part of a large buffer. */
  close(): void {
    this.open(nothing, 0, 0);
  }

  get more(): boolean {
    return this.#at < this.#end;
  }

  get next(): number {
    return this.#bytes[this.#at] as number;
  }

  /** Reads an integer with a prefix in the `mask` bits of the next byte, which must exist. */
  integer(mask: number): number {
    const prefix = (this.#bytes[this.#at++] as number) & mask;
    return prefix < mask ? prefix : this.#longInteger(mask);
  }

  #longInteger(mask: number): number {
    let value = mask;
    let scale = 1;
    for (let count = 0; count < maxContinuationBytes; count++) {
      if (this.#at >= this.#end) throw new HpackError('a header block ends within an integer');
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte >= 0x80) continue;
      if (value > maxInteger) throw new HpackError(`an integer in a header block is ${value}, more than ${maxInteger}`);
      return value;
    }
    throw new HpackError(`an integer in a header block has more than ${maxContinuationBytes} continuation bytes`);
  }

  string(): string {
    if (!this.more) throw new HpackError('a header block ends where a string should begin');
    const isHuffman = this.next >= huffmanFlag;
    const length = this.integer(lengthMask);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) {
      throw new HpackError(`a header block ends within a string, after ${this.#end - start} of ${length} bytes`);
    }
    this.#at = end;
    return isHuffman ? decodeHuffman(this.#bytes, start, end) : latin1(this.#bytes, start, end);
  }
}
