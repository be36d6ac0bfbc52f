import type { WheelTimer } from '../../../../time/timer-wheel.ts';
import { malformedRequest } from '../../../errors.ts';
import type { StreamEvents } from '../../http2/streams/stream.ts';
import { announcedBytes, type ReceivedMessage } from '../compression.ts';
import { tooMuchUnfinished, wrongRequestCount } from '../errors.ts';
import { MessageParser } from '../message-parser.ts';
import { runWithRequest } from './run-handler.ts';
import { type CallStart, type HostedMethod, ServerCall, type ServerCallTools } from './server-call.ts';

const prefixBytes = 5;

/** A call with one request: unary or server streaming. Its handler starts when the request is complete. */
export class OneRequestCall extends ServerCall implements StreamEvents {
  #reader: MessageParser | undefined;
  #message: ReceivedMessage | undefined;
  #overdue: WheelTimer | undefined;

  constructor(hosted: HostedMethod, start: CallStart, tools: ServerCallTools) {
    super(hosted, start, tools);
    tools.requestWatch.add(this);
  }

  /** Whether the request is incomplete. */
  get waitsForRequest(): boolean {
    return !this.begun && !this.isOver;
  }

  get requestBytes(): number {
    if (this.#message === undefined) return 0;
    return announcedBytes(this.#message, this.request.encoding, this.tools.maxReceiveBytes);
  }

  decompressRequest(): Promise<void> | undefined {
    return this.#message && this.decompress(this.#message);
  }

  /** Sets the timer that ends the call unless its request is complete before. */
  limit(timer: WheelTimer): void {
    this.#overdue = timer;
  }

  data(buffer: Buffer, start: number, end: number): void {
    if (this.isOver) {
      this.stream.consumed(end - start);
      return;
    }
    try {
      this.#read(buffer, start, end);
    } catch (error) {
      this.fail(error);
    }
  }

  ended(): void {
    if (this.isOver) return;
    if (this.#message !== undefined && !this.#reader?.midway) this.#begin(this.#message);
    else if (this.#reader?.midway) this.fail(malformedRequest({ path: this.path }));
    else this.fail(wrongRequestCount({ path: this.path, count: 'no message' }));
  }

  protected override abandon(reason: unknown): void {
    this.#overdue?.cancel();
    super.abandon(reason);
  }

  #read(buffer: Buffer, start: number, end: number): void {
    const whole = end - start - prefixBytes;
    // Almost always it is one uncompressed message in one piece.
    if (this.#reader === undefined && whole >= 0 && buffer[start] === 0 && buffer.readUInt32BE(start + 1) === whole) {
      if (whole <= this.tools.maxReceiveBytes) {
        this.stream.consumed(end - start);
        this.#take(buffer.subarray(start + prefixBytes, end));
        return;
      }
    }
    if (!this.stream.allow(end - start)) throw tooMuchUnfinished({ path: this.path });
    this.#reader ??= new MessageParser(this.tools.maxReceiveBytes, (message) => this.#take(message));
    this.#reader.push(buffer, start, end);
    if (!this.#reader.midway) this.stream.release(this.stream.heldBytes);
  }

  #take(message: ReceivedMessage): void {
    if (this.#message !== undefined) throw wrongRequestCount({ path: this.path, count: 'more than one message' });
    this.#message = message;
  }

  #begin(message: ReceivedMessage): void {
    this.begun = true;
    this.#overdue?.cancel();
    runWithRequest(this, this.hosted.handler, () => this.decode(message));
  }
}
