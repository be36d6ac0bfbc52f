import { Status } from 'nice-grpc-common';
import type { EngineMethod, TransportCall } from '../../../engine.ts';
import type { UnreadMessage } from '../compression.ts';
import { MessageQueue } from '../message-queue.ts';
import type { BeginCall, CallListener, OpenCall } from './call-listener.ts';
import type { RequestHooks, SendRequests } from './request-pump.ts';
import { undecodableResponse } from './response-status.ts';

type AnyMethod = EngineMethod<unknown, unknown>;

/** The responses of a call, which starts when the first is requested. Leaving the loop cancels the call. */
export function responseStream(
  method: AnyMethod,
  call: TransportCall,
  begin: BeginCall,
  send: SendRequests,
): AsyncIterableIterator<unknown, undefined> {
  return new ResponseStream(method, call, begin, send);
}

class ResponseStream implements AsyncIterableIterator<unknown, undefined>, CallListener {
  readonly #method: AnyMethod;
  readonly #hooks: RequestHooks = {};
  readonly #queue: MessageQueue<unknown>;
  #start: (() => void) | undefined;
  #call: OpenCall | undefined;

  constructor(method: AnyMethod, call: TransportCall, begin: BeginCall, send: SendRequests) {
    this.#method = method;
    this.#queue = new MessageQueue<unknown>(
      (message) => this.#call?.decompress(message),
      (message) => this.#decode(message),
      (bytes) => this.#call?.consumed(bytes),
      () => this.#call?.cancel(Status.CANCELLED, 'the reader left the stream'),
    );
    this.#start = () => {
      const started = begin(method, call, this);
      this.#call = started;
      if (!started.isOver) send(started, this.#hooks);
    };
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    const start = this.#start;
    this.#start = undefined;
    if (!this.#queue.over) start?.();
    return this.#queue.next();
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    return this.#queue.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // Called by its call.

  onMessage(message: UnreadMessage): void {
    this.#queue.push(message);
  }

  onBytes(bytes: number): void {
    this.#queue.received(bytes);
  }

  onRoom(): void {
    this.#hooks.onRoom?.();
  }

  onEnd(error: unknown): void {
    const { onEnd, fault } = this.#hooks;
    onEnd?.();
    this.#queue.finish(fault ? fault.error : error);
  }

  #decode(message: UnreadMessage): unknown {
    try {
      return this.#method.decodeResponse(this.#call ? this.#call.plainBytes(message) : (message as Buffer));
    } catch (cause) {
      const error = undecodableResponse(this.#method.path, cause);
      this.#call?.cancel(error.code, error.details);
      throw error;
    }
  }
}
