import { Readable } from 'node:stream';
import type { Message } from '@bufbuild/protobuf';
import type { Clock } from '../../time/clock.ts';
import type { Problem } from '../problem.ts';
import type { BegunStream } from './begin-stream.ts';
import type { StreamCursor } from './cursor.ts';
import type { StreamFormat } from './formats.ts';

export interface StreamBodyOptions {
  readonly stream: BegunStream;
  readonly format: StreamFormat;
  /** The JSON of a message. */
  readonly write: (message: Message) => string;
  /** `undefined`: its messages have no ids. */
  readonly cursor: Pick<StreamCursor, 'startId' | 'id'> | undefined;
  /** Describes to the reader what ended the stream. */
  readonly describe: (error: unknown) => Problem;
  /** Sends the head of the answer, if there is nothing to send with it. */
  readonly sendHead: () => void;
  readonly clock: Clock;
}

// Writing costs little for each message of such a batch, and it is soon read.
const batchLength = 32 * 1024;
/** Proxies and browsers close connections that are silent for a minute or less. */
const heartbeatMs = 15_000;

/**
 * The body of an answer with the messages of a stream. What arrives within a turn of the event loop is sent together; nothing
 * waits for more. The next message is taken only when the reader has room for it. Cancels the call when it is destroyed.
 */
export class StreamBody extends Readable {
  readonly #options: StreamBodyOptions;
  #text = '';
  #isFlushing = false;
  #hasBegun = false;
  #hasEnded = false;
  #hasRoom = true;
  #onRoom: () => void = () => undefined;
  #stopHeartbeat: () => void = () => undefined;
  #sentMs: number;
  #length = 0;

  constructor(options: StreamBodyOptions) {
    super({ highWaterMark: batchLength });
    this.#options = options;
    this.#sentMs = options.clock.elapsedMs();
  }

  /** How much of messages it has sent so far. */
  get sentLength(): number {
    return this.#length;
  }

  /** Whether it has something to send that its reader does not take. */
  get waitsForReader(): boolean {
    return !this.#hasRoom;
  }

  override _read(): void {
    this.#hasRoom = true;
    this.#onRoom();
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    void this.#run();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { rest, cancel } = this.#options.stream;
    this.#hasEnded = true;
    this.#stopHeartbeat();
    this.#onRoom();
    cancel();
    // It ends once the call has; what that ends with is known.
    rest.return?.().catch(() => undefined);
    done(error);
  }

  async #run(): Promise<void> {
    const { stream, format, write, cursor } = this.#options;
    this.#start();
    if (format.heartbeat !== undefined) this.#beat(format.heartbeat, heartbeatMs);
    let isFirst = true;
    try {
      for (let next = await stream.first; !next.done; next = await stream.rest.next()) {
        const { value } = next;
        const text = format.message(write(value), cursor && format.hasIds ? cursor.id() : '', isFirst);
        isFirst = false;
        this.#length += text.length;
        this.#add(text);
        if (this.#text.length >= batchLength) this.#flush();
        if (!this.#hasRoom) await this.#room();
        if (this.#hasEnded) return;
      }
      this.#end(format.end(isFirst));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Begins the answer. If the service says only later where the stream starts, the reader shall know that too. */
  #start(): void {
    const { stream, format, cursor } = this.#options;
    const startId = () => cursor?.startId() ?? '';
    this.#add(format.start(startId()));
    if (startId() !== '' || !format.hasIds) return;
    void stream.announced.then(() => {
      if (this.#length === 0 && !this.#hasEnded) this.#add(format.start(startId()));
    });
  }

  /** The stream has failed: its reader learns why. */
  #fail(error: unknown): void {
    if (this.#hasEnded) return;
    const { describe, format } = this.#options;
    const text = format.failure(describe(error));
    if (text !== undefined) this.#end(text);
    else this.destroy(error instanceof Error ? error : new Error(String(error)));
  }

  #add(text: string): void {
    this.#text += text;
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    setImmediate(() => {
      this.#isFlushing = false;
      if (this.#text !== '') this.#flush();
      // Its readers shall know that it has begun.
      else if (this.#length === 0 && !this.#hasEnded) this.#options.sendHead();
    });
  }

  #flush(): void {
    const text = this.#text;
    this.#text = '';
    if (text === '' || this.destroyed) return;
    this.#sentMs = this.#options.clock.elapsedMs();
    this.#hasRoom = this.push(text);
  }

  #end(text: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stopHeartbeat();
    this.#text += text;
    this.#flush();
    this.push(null);
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  /** Sends a heartbeat after so much silence. */
  #beat(heartbeat: string, afterMs: number): void {
    const { clock } = this.#options;
    this.#stopHeartbeat = clock.after(afterMs, () => {
      const silentMs = clock.elapsedMs() - this.#sentMs;
      // A reader that does not read hears nothing, but finds much when it does.
      if (silentMs >= heartbeatMs && this.#hasRoom) this.#add(heartbeat);
      this.#beat(heartbeat, silentMs >= heartbeatMs ? heartbeatMs : heartbeatMs - silentMs);
    });
  }
}
