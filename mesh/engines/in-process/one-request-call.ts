import { wrongRequestCount } from '../native/grpc/errors.ts';
import { runWithRequest } from '../native/grpc/server/run-handler.ts';
import { InProcessCall } from './call.ts';
import { inNextTurn } from './next-turn.ts';

/** A call with one request: unary or server streaming. */
export class OneRequestCall extends InProcessCall {
  #message: Uint8Array | undefined;

  get hasRoom(): boolean {
    return true;
  }

  get requestBytes(): number {
    return this.#message?.length ?? 0;
  }

  finish(): void {
    const message = this.#message;
    if (this.isOver) return;
    if (message === undefined) this.refuse(wrongRequestCount({ path: this.path, count: 'no message' }));
    else inNextTurn(() => this.#begin(message));
  }

  protected receive(request: Uint8Array): void {
    if (this.#message === undefined) this.#message = request;
    else this.refuse(wrongRequestCount({ path: this.path, count: 'more than one message' }));
  }

  #begin(message: Uint8Array): void {
    if (this.isOver) return;
    this.begun = true;
    runWithRequest(this, this.hosted.handler, () => this.decode(message));
  }
}
