import type { CallContext } from 'nice-grpc-common';
import type { CallEndListener, EngineCall } from '../../../../mesh/engines/engine.ts';
import { MeshError } from '../../../../mesh/errors/mesh-error.ts';

/**
 * The context of a call for its handler. Its parts are properties of its own, so middleware may copy it (`{ ...context, user }`),
 * and the costly ones are made when they are first read.
 */
export function contextOf(call: EngineCall): CallContext {
  const end = new CallEnd();
  call.listenForEnd(end);
  return {
    get metadata() {
      return call.metadata;
    },
    peer: call.peer,
    get header() {
      return call.header;
    },
    sendHeader: () => call.sendHeader(),
    get trailer() {
      return call.trailer;
    },
    get signal() {
      return end.signal;
    },
  };
}

/** The signal of a call. It aborts if the caller, its deadline or the server ends the call, and not for the handler's own error. */
class CallEnd implements CallEndListener {
  #controller: AbortController | undefined;
  #isAborted = false;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isAborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  abandoned(reason?: unknown): void {
    if (reason !== undefined && !(reason instanceof MeshError)) return;
    this.#isAborted = true;
    this.#controller?.abort();
  }
}
