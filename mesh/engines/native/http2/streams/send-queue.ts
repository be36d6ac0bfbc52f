// Small pieces are gathered in buffers of this size, so many of them cost one write.
const gatherBytes = 16 * 1024;
const smallBytes = 2 * 1024;
// The maximum number of places of sent chunks in the list.
const maxSent = 32;
const sentChunk = new Uint8Array(0);

/** The bytes of a body that wait to be sent. */
export class SendQueue {
  #chunks: Uint8Array[] = [];
  #first = 0;
  #firstOffset = 0;
  #bytes = 0;
  /** Where small pieces are gathered; the bytes from `#gatheredFrom` to `#gatheredTo` come after all chunks. */
  #gather: Buffer | undefined;
  #gatheredFrom = 0;
  #gatheredTo = 0;
  #isFresh = true;

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds bytes, which must no longer change. */
  add(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    this.#isFresh = false;
    this.#seal();
    this.#chunks.push(bytes);
  }

  /** Adds bytes after a prefix. The prefix is copied, and so are the bytes if they are few. */
  addWithPrefix(prefix: Uint8Array, bytes: Uint8Array): void {
    const length = prefix.length + bytes.length;
    if (bytes.length > smallBytes) {
      this.add(Uint8Array.from(prefix));
      this.add(bytes);
      return;
    }
    // Most bodies are one small message, which gets a buffer of its exact size.
    if (this.#isFresh) {
      const both = Buffer.allocUnsafe(length);
      both.set(prefix, 0);
      both.set(bytes, prefix.length);
      this.add(both);
      return;
    }
    const gather = this.#gatherFor(length);
    gather.set(prefix, this.#gatheredTo);
    gather.set(bytes, this.#gatheredTo + prefix.length);
    this.#gatheredTo += length;
    this.#bytes += length;
  }

  /** Takes this many bytes from the front, piece by piece. */
  take(wanted: number, send: (bytes: Uint8Array) => void): void {
    this.#seal();
    this.#bytes -= wanted;
    for (let left = wanted; left > 0; ) {
      const chunk = this.#chunks[this.#first] as Uint8Array;
      const from = this.#firstOffset;
      const rest = chunk.length - from;
      if (rest > left) {
        send(chunk.subarray(from, from + left));
        this.#firstOffset += left;
        break;
      }
      send(from === 0 ? chunk : chunk.subarray(from));
      this.#chunks[this.#first] = sentChunk;
      this.#first += 1;
      this.#firstOffset = 0;
      left -= rest;
    }
    this.#forgetSent();
  }

  clear(): void {
    this.#chunks = [];
    this.#gather = undefined;
    this.#gatheredFrom = 0;
    this.#gatheredTo = 0;
    this.#bytes = 0;
  }

  /** Drops the places of sent chunks, even if the queue is never empty. */
  #forgetSent(): void {
    if (this.#first < this.#chunks.length && this.#first < maxSent) return;
    this.#chunks = this.#chunks.slice(this.#first);
    this.#first = 0;
  }

  #gatherFor(bytes: number): Buffer {
    if (this.#gather === undefined || this.#gather.length - this.#gatheredTo < bytes) {
      this.#seal();
      this.#gather = Buffer.allocUnsafe(gatherBytes);
      this.#gatheredFrom = 0;
      this.#gatheredTo = 0;
    }
    return this.#gather;
  }

  /** Makes a chunk of the gathered bytes. The rest of the buffer stays in use. */
  #seal(): void {
    if (this.#gather === undefined || this.#gatheredTo === this.#gatheredFrom) return;
    this.#chunks.push(this.#gather.subarray(this.#gatheredFrom, this.#gatheredTo));
    this.#gatheredFrom = this.#gatheredTo;
  }
}
