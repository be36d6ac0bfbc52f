import { undecodableMessage } from '../../../../errors/mesh-error.ts';
import type { StreamEvents } from '../../http2/stream.ts';
import { CompressedMessage, plainBytes, type ReceivedMessage } from '../compression.ts';
import { MessageQueue } from '../message-queue.ts';
import { MessageReader } from '../message-reader.ts';
import { answerMany, answerOnce } from './reply-pump.ts';
import { requestFault } from './request-faults.ts';
import { type CallStart, type HostedMethod, ServerCall, type ServerCallTools } from './server-call.ts';

/** A call whose requests are a stream: client and bidirectional streaming. Its handler begins at once. */
export class ManyRequestsCall extends ServerCall implements StreamEvents {
  readonly #requests: MessageQueue<unknown>;
  readonly #reader: MessageReader;

  constructor(hosted: HostedMethod, start: CallStart, tools: ServerCallTools) {
    super(hosted, start, tools);
    this.#requests = new MessageQueue<unknown>(
      (message) => this.#decode(message),
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
      this.#reader.push(buffer, start, end);
      this.#requests.received(end - start);
    } catch (error) {
      this.fail(error);
    }
  }

  ended(): void {
    if (this.isOver) return;
    if (this.#reader.midway) this.fail(requestFault(this.path, 'it ends in the middle of a message'));
    else this.#requests.finish(undefined);
  }

  protected override abandon(reason: unknown): void {
    this.#requests.finish(new DOMException('the call ended before its requests did', 'AbortError'));
    super.abandon(reason);
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

  #decode(message: ReceivedMessage): unknown {
    this.requestCompressed = message instanceof CompressedMessage;
    const bytes = plainBytes(message, this.request.encoding, this.tools.maxReceiveBytes);
    try {
      return this.hosted.method.decodeRequest(bytes);
    } catch (error) {
      throw undecodableMessage(this.path, error);
    }
  }
}
