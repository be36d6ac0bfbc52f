import { huffmanBytes, writeHuffman } from './huffman/encode.ts';
import type { Representation } from './representations.ts';

const initialBytes = 1024;
// An integer of up to 2^31: its prefix and five more bytes.
const maxIntegerBytes = 6;
const huffmanString: Representation = { pattern: 0x80, mask: 0x7f };
const plainString: Representation = { pattern: 0x00, mask: 0x7f };
// Up to this length a loop is faster than Buffer's copy.
const shortBytes = 64;

/** Writes the integers and strings of header blocks (RFC 7541 section 5), one block at a time. */
export class BlockWriter {
  #bytes = Buffer.allocUnsafeSlow(initialBytes);
  #at = 0;

  /** Begins a block. */
  begin(): void {
    this.#at = 0;
  }

  integer({ pattern, mask }: Representation, value: number): void {
    this.#reserve(maxIntegerBytes);
    if (value < mask) {
      this.#bytes[this.#at++] = pattern | value;
      return;
    }
    this.#bytes[this.#at++] = pattern | mask;
    let rest = value - mask;
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.#at++] = 0x80 | (rest & 0x7f);
    this.#bytes[this.#at++] = rest;
  }

  /** Writes a string, Huffman-coded if that is shorter. Throws a TypeError for a character above U+00FF. */
  string(text: string): void {
    const bytes = huffmanBytes(text);
    if (Number.isNaN(bytes)) throw new TypeError(`"${text}" is not a valid header: it has characters above U+00FF`);
    this.integer(bytes < text.length ? huffmanString : plainString, Math.min(bytes, text.length));
    this.#reserve(text.length);
    if (bytes < text.length) this.#at = writeHuffman(text, this.#bytes, this.#at);
    else for (let index = 0; index < text.length; index++) this.#bytes[this.#at++] = text.charCodeAt(index);
  }

  /** Returns the block in a new buffer. */
  take(): Buffer {
    const length = this.#at;
    const block = Buffer.allocUnsafe(length);
    if (length > shortBytes) this.#bytes.copy(block, 0, 0, length);
    else for (let index = 0; index < length; index++) block[index] = this.#bytes[index] as number;
    return block;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#at + bytes));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
