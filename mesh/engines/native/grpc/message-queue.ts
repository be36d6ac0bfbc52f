import { CompressedMessage, type ReceivedMessage } from './compression.ts';

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** What is held before the sender has to wait, in bytes. */
const heldBytes = 64 * 1024;
// What a message costs here beside its bytes: many empty ones are much as well.
const entryBytes = 128;
// So many messages that were taken are kept at most.
const mostTaken = 64;

/**
 * Messages that came and wait to be asked for. They are decompressed and decoded when they are, and while more than 64 KiB
 * of them wait the peer is not given its bytes back, so that flow control holds it.
 */
export class MessageQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #decode: (message: ReceivedMessage) => T;
  readonly #giveBack: (bytes: number) => void;
  readonly #left: () => void;
  #messages: ReceivedMessage[] = [];
  #first = 0;
  #bytes = 0;
  #owed = 0;
  #waiters: Waiter<T>[] = [];
  #end: { readonly error: unknown } | undefined;

  /** `giveBack` is told of bytes that the peer may send anew; `left` that nobody asks any more. */
  constructor(decode: (message: ReceivedMessage) => T, giveBack: (bytes: number) => void, left: () => void) {
    this.#decode = decode;
    this.#giveBack = giveBack;
    this.#left = left;
  }

  /** Whether nothing comes any more. */
  get over(): boolean {
    return this.#end !== undefined;
  }

  /** Notes bytes that came, of whatever message. */
  received(bytes: number): void {
    this.#owed += bytes;
    this.#settle();
  }

  push(message: ReceivedMessage): void {
    if (this.#end) return;
    const waiter = this.#waiters.shift();
    if (waiter) {
      this.#hand(waiter, message);
      return;
    }
    this.#messages.push(message);
    this.#bytes += lengthOf(message) + entryBytes;
  }

  /** Nothing comes any more; `error` is told once, behind what came. `undefined`: all has come. */
  finish(error: unknown): void {
    if (this.#end) return;
    this.#end = { error };
    for (const waiter of this.#waiters.splice(0)) this.#tellEnd(waiter);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      const message = this.#take();
      if (message) this.#hand(waiter, message);
      else if (this.#end) this.#tellEnd(waiter);
      else this.#waiters.push(waiter);
    });
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    const running = !this.#end;
    this.#messages = [];
    this.#first = 0;
    this.#bytes = 0;
    this.finish(undefined);
    this.#end = { error: undefined };
    this.#settle();
    if (running) this.#left();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): ReceivedMessage | undefined {
    const message = this.#messages[this.#first];
    if (message === undefined) return undefined;
    this.#first += 1;
    this.#bytes -= lengthOf(message) + entryBytes;
    // Nothing of what was taken is kept, also when the queue is never empty.
    if (this.#first === this.#messages.length || this.#first >= mostTaken) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
    this.#settle();
    return message;
  }

  #hand(waiter: Waiter<T>, message: ReceivedMessage): void {
    try {
      waiter.resolve({ value: this.#decode(message), done: false });
    } catch (error) {
      waiter.reject(error);
    }
  }

  #tellEnd(waiter: Waiter<T>): void {
    const error = this.#end?.error;
    this.#end = { error: undefined };
    if (error === undefined) waiter.resolve({ value: undefined, done: true });
    else waiter.reject(error);
  }

  #settle(): void {
    if (this.#owed === 0 || this.#bytes >= heldBytes) return;
    const owed = this.#owed;
    this.#owed = 0;
    this.#giveBack(owed);
  }
}

function lengthOf(message: ReceivedMessage): number {
  return message instanceof CompressedMessage ? message.bytes.length : message.length;
}
