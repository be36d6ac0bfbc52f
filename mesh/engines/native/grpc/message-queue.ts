import { CompressedMessage, type UnreadMessage } from './compression.ts';

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** The bytes that are held before the sender has to wait. */
const heldBytes = 64 * 1024;
// The overhead of a message, because many empty ones also take memory.
const entryBytes = 128;
// The maximum number of delivered messages that are kept.
const maxTaken = 64;

/**
 * Received messages that wait for their reader. They are decompressed and decoded when they are read. While more than 64 KiB
 * wait, the peer gets no window updates, so flow control stops it.
 */
export class MessageQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #prepare: (message: UnreadMessage) => Promise<void> | undefined;
  readonly #decode: (message: UnreadMessage) => T;
  readonly #giveBack: (bytes: number) => void;
  readonly #left: () => void;
  #messages: UnreadMessage[] = [];
  #first = 0;
  #bytes = 0;
  #owed = 0;
  #waiters: Waiter<T>[] = [];
  #end: { readonly error: unknown } | undefined;

  /**
   * `prepare` is called before `decode`, which waits for what it returns. `giveBack` is called with bytes that the peer may send
   * again, `left` when the reader leaves.
   */
  constructor(
    prepare: (message: UnreadMessage) => Promise<void> | undefined,
    decode: (message: UnreadMessage) => T,
    giveBack: (bytes: number) => void,
    left: () => void,
  ) {
    this.#prepare = prepare;
    this.#decode = decode;
    this.#giveBack = giveBack;
    this.#left = left;
  }

  /** Whether no further messages come. */
  get over(): boolean {
    return this.#end !== undefined;
  }

  /** Counts bytes that arrived, of any message. */
  received(bytes: number): void {
    this.#owed += bytes;
    this.#settle();
  }

  push(message: UnreadMessage): void {
    if (this.#end) return;
    const waiter = this.#waiters.shift();
    if (waiter) {
      this.#deliver(waiter, message);
      return;
    }
    this.#messages.push(message);
    this.#bytes += lengthOf(message) + entryBytes;
  }

  /** Ends the queue. The reader gets `error` once, after the messages; `undefined` if all of them have arrived. */
  finish(error: unknown): void {
    if (this.#end) return;
    this.#end = { error };
    for (const waiter of this.#waiters.splice(0)) this.#deliverEnd(waiter);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      const message = this.#take();
      if (message) this.#deliver(waiter, message);
      else if (this.#end) this.#deliverEnd(waiter);
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

  #take(): UnreadMessage | undefined {
    const message = this.#messages[this.#first];
    if (message === undefined) return undefined;
    this.#first += 1;
    this.#bytes -= lengthOf(message) + entryBytes;
    // Delivered messages are dropped, even if the queue is never empty.
    if (this.#first === this.#messages.length || this.#first >= maxTaken) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
    this.#settle();
    return message;
  }

  #deliver(waiter: Waiter<T>, message: UnreadMessage): void {
    const preparing = this.#prepare(message);
    if (preparing === undefined) this.#resolve(waiter, message);
    else void preparing.then(() => this.#resolve(waiter, message));
  }

  #resolve(waiter: Waiter<T>, message: UnreadMessage): void {
    try {
      waiter.resolve({ value: this.#decode(message), done: false });
    } catch (error) {
      waiter.reject(error);
    }
  }

  #deliverEnd(waiter: Waiter<T>): void {
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

function lengthOf(message: UnreadMessage): number {
  return message instanceof CompressedMessage ? message.bytes.length : message.length;
}
