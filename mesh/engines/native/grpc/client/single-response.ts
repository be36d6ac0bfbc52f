import { Metadata } from 'nice-grpc-common';
import type { EngineMethod, TransportCall } from '../../../engine.ts';
import { TransportError } from '../../../transport-error.ts';
import type { UnreadMessage } from '../compression.ts';
import type { BeginCall, CallListener, OpenCall } from './call-listener.ts';
import type { RequestHooks, SendRequests } from './request-pump.ts';
import { noResponse, severalResponses, undecodableResponse } from './response-status.ts';

type AnyMethod = EngineMethod<unknown, unknown>;

/** Makes a call with one response. */
export function singleResponse(
  method: AnyMethod,
  call: TransportCall,
  begin: BeginCall,
  send: SendRequests,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    new SingleResponse(method, resolve, reject).start(call, begin, send);
  });
}

class SingleResponse implements CallListener {
  readonly #method: AnyMethod;
  readonly #resolve: (response: unknown) => void;
  readonly #reject: (error: unknown) => void;
  readonly #hooks: RequestHooks = {};
  #call: OpenCall | undefined;
  #received: UnreadMessage | undefined;

  constructor(method: AnyMethod, resolve: (response: unknown) => void, reject: (error: unknown) => void) {
    this.#method = method;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(call: TransportCall, begin: BeginCall, send: SendRequests): void {
    this.#call = begin(this.#method, call, this);
    if (!this.#call.isOver) send(this.#call, this.#hooks);
  }

  onMessage(message: UnreadMessage): void {
    if (this.#received === undefined) this.#received = message;
    else this.#call?.cancel(...severalResponses);
  }

  onBytes(bytes: number): void {
    this.#call?.consumed(bytes);
  }

  onRoom(): void {
    this.#hooks.onRoom?.();
  }

  onEnd(error: unknown): void {
    const { onEnd, fault } = this.#hooks;
    onEnd?.();
    if (fault) this.#reject(fault.error);
    else if (error !== undefined) this.#reject(error);
    else if (this.#call === undefined || this.#received === undefined)
      this.#reject(new TransportError(this.#method.path, ...noResponse, Metadata()));
    else this.#read(this.#call, this.#received);
  }

  #read(call: OpenCall, message: UnreadMessage): void {
    const decompressing = call.decompress(message);
    if (decompressing === undefined) this.#decode(call, message);
    else void decompressing.then(() => this.#decode(call, message));
  }

  #decode(call: OpenCall, message: UnreadMessage): void {
    try {
      this.#resolve(this.#method.decodeResponse(call.plainBytes(message)));
    } catch (cause) {
      this.#reject(undecodableResponse(this.#method.path, cause));
    }
  }
}
