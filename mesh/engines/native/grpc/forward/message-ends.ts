const prefixBytes = 5;

/** Follows where the messages of a body end. It keeps none of its bytes. */
export class MessageEnds {
  /** How much of a prefix has arrived: the flag, then the length. */
  #prefixBytes = 0;
  #length = 0;
  /** What is left of the message. */
  #leftBytes = 0;

  /** Whether the body so far ends within a message. */
  get midway(): boolean {
    return this.#prefixBytes > 0 || this.#leftBytes > 0;
  }

  push(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#leftBytes > 0) {
        const step = Math.min(this.#leftBytes, end - at);
        this.#leftBytes -= step;
        at += step;
      } else if (this.#prefixBytes === 0 && end - at >= prefixBytes) {
        this.#leftBytes = buffer.readUInt32BE(at + 1);
        at += prefixBytes;
      } else {
        this.#pushOfPrefix(buffer[at] as number);
        at += 1;
      }
    }
  }

  /** A prefix that is spread over several pieces. */
  #pushOfPrefix(byte: number): void {
    if (this.#prefixBytes > 0) this.#length = this.#length * 256 + byte;
    this.#prefixBytes += 1;
    if (this.#prefixBytes < prefixBytes) return;
    this.#leftBytes = this.#length;
    this.#length = 0;
    this.#prefixBytes = 0;
  }
}
