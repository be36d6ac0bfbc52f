import { CompressedMessage, type ReceivedMessage } from './compression.ts';
import { messageTooLarge, unknownFlag } from './errors.ts';

const prefixBytes = 5;
// The initial buffer of a message, so a peer that announces a large one and sends nothing costs no more.
const firstBytes = 16 * 1024;

/**
 * Finds the messages in the body of a stream, which arrives in any pieces. A message that arrives in one piece is not copied.
 * Throws RESOURCE_EXHAUSTED for a message that is too large, before it waits for it, and INTERNAL for an unknown flag.
 */
export class MessageParser {
  readonly #maxBytes: number;
  readonly #onMessage: (message: ReceivedMessage) => void;
  readonly #prefix = Buffer.allocUnsafe(prefixBytes);
  #prefixHave = 0;
  #message: Buffer | undefined;
  #messageBytes = 0;
  #messageHave = 0;

  constructor(maxBytes: number, onMessage: (message: ReceivedMessage) => void) {
    this.#maxBytes = maxBytes;
    this.#onMessage = onMessage;
  }

  /** Whether the last message is incomplete. */
  get midway(): boolean {
    return this.#prefixHave > 0;
  }

  /** The size of the buffer of the incomplete message. */
  get heldBytes(): number {
    return this.#message?.length ?? 0;
  }

  /** The bytes of the incomplete message that have arrived. */
  get unfinishedBytes(): number {
    return this.#prefixHave + (this.#message === undefined ? 0 : this.#messageHave);
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
    this.#messageBytes = this.#checked(this.#prefix.readUInt32BE(1));
    this.#message = Buffer.allocUnsafe(Math.min(this.#messageBytes, firstBytes));
    this.#messageHave = 0;
    if (this.#messageBytes === 0) this.#finish(this.#message);
    return at;
  }

  #readMessage(buffer: Buffer, from: number, end: number): number {
    const wanted = Math.min(end - from, this.#messageBytes - this.#messageHave);
    const message = this.#roomFor(this.#messageHave + wanted);
    buffer.copy(message, this.#messageHave, from, from + wanted);
    this.#messageHave += wanted;
    if (this.#messageHave === this.#messageBytes) this.#finish(message);
    return from + wanted;
  }

  /** The buffer of the message, with at least this size. It doubles when it grows, so little is copied twice. */
  #roomFor(bytes: number): Buffer {
    const message = this.#message as Buffer;
    if (bytes <= message.length) return message;
    const larger = Buffer.allocUnsafe(Math.min(this.#messageBytes, Math.max(bytes, 2 * message.length)));
    message.copy(larger, 0, 0, this.#messageHave);
    this.#message = larger;
    return larger;
  }

  #finish(message: Buffer): void {
    this.#message = undefined;
    this.#prefixHave = 0;
    this.#emit(this.#prefix[0] ?? 0, message);
  }

  #emit(flag: number, bytes: Buffer): void {
    if (flag > 1) throw unknownFlag({ flag });
    this.#onMessage(flag === 0 ? bytes : new CompressedMessage(bytes));
  }

  #checked(length: number): number {
    if (length > this.#maxBytes) throw messageTooLarge({ maxBytes: this.#maxBytes });
    return length;
  }
}
