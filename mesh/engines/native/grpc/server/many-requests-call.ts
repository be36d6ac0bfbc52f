import type { StreamEvents } from '../../http2/streams/stream.ts';
import { malformedRequest, tooMuchUnfinished } from '../errors.ts';
import { MessageQueue } from '../message-queue.ts';
import { MessageReader } from '../message-reader.ts';
import { answerMany, answerOnce } from './reply-pump.ts';
import { type CallStart, type HostedMethod, ServerCall, type ServerCallTools } from './server-call.ts';

/** A call whose requests are a stream: client and bidirectional streaming. Its handler begins at once. */
export class ManyRequestsCall extends ServerCall implements StreamEvents {
  readonly #requests: MessageQueue<unknown>;
  readonly #reader: MessageReader;
  readonly requestBytes = 0;

  constructor(hosted: HostedMethod, start: CallStart, tools: ServerCallTools) {
    super(hosted, start, tools);
    this.#requests = new MessageQueue<unknown>(
      (message) => this.decode(message),
      (bytes) => this.stream.consumed(bytes),
      () => undefined,
    );
    this.#reader = new MessageReader(tools.maxReceiveBytes, (message) => this.#requests.push(message));
    // Not while the stream is being made: what the handler does at once would find it half made.
    queueMicrotask(() => this.#begin());
  }

  data(buffer: Buffer, start: number, end: number): void {
    if (this.isOver) {
      this.stream.consumed(end - start);
      return;
    }
    try {
      const heldBytes = this.#reader.unfinishedBytes;
      this.#reader.push(buffer, start, end);
      this.#account(end - start, heldBytes, this.#reader.unfinishedBytes);
    } catch (error) {
      this.fail(error);
    }
  }

  ended(): void {
    if (this.isOver) return;
    if (this.#reader.midway)
      this.fail(malformedRequest({ path: this.path, problem: 'it ends in the middle of a message' }));
    else this.#requests.finish(undefined);
  }

  protected override abandon(reason: unknown): void {
    this.#requests.finish(new DOMException('the call ended before its requests did', 'AbortError'));
    super.abandon(reason);
  }

  /** The peer may send on at once what is missing of a message; other bytes when the messages are asked for. */
  #account(bytes: number, heldBefore: number, held: number): void {
    const isSameMessage = held === heldBefore + bytes;
    if (!isSameMessage) {
      this.stream.release(heldBefore);
      this.#requests.received(bytes - held);
    }
    if (!this.stream.allow(isSameMessage ? bytes : held)) throw tooMuchUnfinished({ path: this.path });
  }

  #begin(): void {
    if (this.isOver) return;
    const { handler } = this.hosted;
    try {
      if (handler.kind === 'client-streaming') answerOnce(this, handler.handle(this.#requests, this));
      else if (handler.kind === 'bidi-streaming') answerMany(this, handler.handle(this.#requests, this));
    } catch (error) {
      this.fail(error);
    }
  }
}
