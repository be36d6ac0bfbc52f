import { malformedRequest } from '../../../errors.ts';
import { requestFaultOf } from '../../../request-fault.ts';
import type { StreamEvents } from '../../http2/streams/stream.ts';
import { tooMuchUnfinished } from '../errors.ts';
import { MessageParser } from '../message-parser.ts';
import { MessageQueue } from '../message-queue.ts';
import { runWithRequests } from './run-handler.ts';
import { type CallStart, type HostedMethod, ServerCall, type ServerCallTools } from './server-call.ts';

/** A call with a stream of requests: client or bidirectional streaming. Its handler starts immediately. */
export class ManyRequestsCall extends ServerCall implements StreamEvents {
  readonly #requests: MessageQueue<unknown>;
  readonly #reader: MessageParser;
  readonly requestBytes = 0;

  constructor(hosted: HostedMethod, start: CallStart, tools: ServerCallTools) {
    super(hosted, start, tools);
    this.#requests = new MessageQueue<unknown>(
      (message) => this.decompress(message),
      (message) => this.decode(message),
      (bytes) => this.stream.consumed(bytes),
      () => undefined,
    );
    this.#reader = new MessageParser(tools.maxReceiveBytes, (message) => this.#requests.push(message));
    // In a microtask, because the handler must not act while the stream is being created.
    queueMicrotask(() => this.#begin());
  }

  decompressRequest(): undefined {
    return undefined;
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
      this.#refuse(error);
    }
  }

  ended(): void {
    if (this.isOver) return;
    if (this.#reader.midway) this.#refuse(malformedRequest({ path: this.path }));
    else this.#requests.finish(undefined);
  }

  #refuse(error: unknown): void {
    this.requestFault = requestFaultOf(error);
    this.fail(error);
  }

  protected override abandon(reason: unknown): void {
    this.#requests.finish(new DOMException('the call ended before its requests did', 'AbortError'));
    super.abandon(reason);
  }

  /** The peer may send the rest of a message immediately, and other bytes when the messages are read. */
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
    this.begun = true;
    runWithRequests(this, this.hosted.handler, this.#requests);
  }
}
