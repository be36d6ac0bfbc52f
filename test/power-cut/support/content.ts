/** A change of a file's content. */
export type Change =
  | { readonly at: number; readonly offset: number; readonly data: Buffer }
  | { readonly at: number; readonly size: number };

/** The bytes of a file. */
export class Content {
  #bytes: Buffer;
  #size: number;

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.#bytes = Buffer.from(bytes);
    this.#size = bytes.length;
  }

  apply(change: Change): void {
    if ('size' in change) {
      this.#reserve(change.size);
      // What lies behind the end reads as zeros when the file grows again.
      if (change.size < this.#size) this.#bytes.fill(0, change.size, this.#size);
      this.#size = change.size;
    } else {
      const end = change.offset + change.data.length;
      this.#reserve(end);
      change.data.copy(this.#bytes, change.offset);
      this.#size = Math.max(this.#size, end);
    }
  }

  copy(): Content {
    return new Content(this.bytes());
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#size);
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const larger = Buffer.alloc(Math.max(size, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#size);
    this.#bytes = larger;
  }
}
