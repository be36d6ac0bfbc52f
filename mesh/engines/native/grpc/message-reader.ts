import { type Compression, decompressed, messageTooLarge } from './compression.ts';

const prefixBytes = 5;

/**
 * Finds the messages in the body of a stream, in whatever pieces it comes. A message that came whole in one piece is not
 * copied. Throws a MeshError for one that is too large, before it is waited for, and for one that cannot be decompressed.
 */
export class MessageReader {
  readonly #maxBytes: number;
  readonly #onMessage: (bytes: Buffer) => void;
  #compression: Compression | undefined;
  readonly #prefix = Buffer.allocUnsafe(prefixBytes);
  #prefixHave = 0;
  #message: Buffer | undefined;
  #messageHave = 0;

  constructor(maxBytes: number, compression: Compression | undefined, onMessage: (bytes: Buffer) => void) {
    this.#maxBytes = maxBytes;
    this.#compression = compression;
    this.#onMessage = onMessage;
  }

  /** Whether a message has begun and not ended. */
  get midway(): boolean {
    return this.#prefixHave > 0;
  }

  /** Says how compressed messages are, when that is known only later. */
  set compression(compression: Compression | undefined) {
    this.#compression = compression;
  }

  push(buffer: Buffer, start: number, end: number): void {
    for (let at = start; at < end; ) {
      if (this.#prefixHave === 0 && end - at >= prefixBytes) {
        const length = this.#checked(buffer.readUInt32BE(at + 1));
        const messageEnd = at + prefixBytes + length;
        if (messageEnd <= end) {
          this.#emit(buffer[at] ?? 0, buffer.subarray(at + prefixBytes, messageEnd));
          at = messageEnd;
          continue;
        }
      }
      at = this.#message === undefined ? this.#readPrefix(buffer, at, end) : this.#readMessage(buffer, at, end);
    }
  }

  #readPrefix(buffer: Buffer, from: number, end: number): number {
    const at =
      from + buffer.copy(this.#prefix, this.#prefixHave, from, Math.min(end, from + prefixBytes - this.#prefixHave));
    this.#prefixHave += at - from;
    if (this.#prefixHave < prefixBytes) return at;
    this.#message = Buffer.allocUnsafe(this.#checked(this.#prefix.readUInt32BE(1)));
    this.#messageHave = 0;
    if (this.#message.length === 0) this.#finish(this.#message);
    return at;
  }

  #readMessage(buffer: Buffer, from: number, end: number): number {
    const message = this.#message as Buffer;
    const copied = buffer.copy(message, this.#messageHave, from, end);
    this.#messageHave += copied;
    if (this.#messageHave === message.length) this.#finish(message);
    return from + copied;
  }

  #finish(message: Buffer): void {
    this.#message = undefined;
    this.#prefixHave = 0;
    this.#emit(this.#prefix[0] ?? 0, message);
  }

  #emit(flag: number, bytes: Buffer): void {
    this.#onMessage((flag & 1) === 0 ? bytes : decompressed(this.#compression, bytes, this.#maxBytes));
  }

  #checked(length: number): number {
    if (length > this.#maxBytes) throw messageTooLarge(this.#maxBytes);
    return length;
  }
}
