import type { CallContext } from 'nice-grpc-common';
import type { CallEndListener, EngineCall } from '../../../../mesh/engines/engine.ts';
import { MeshError } from '../../../../mesh/errors/mesh-error.ts';

/**
 * The context of a call for its handler. The costly parts are made when they are first read. It can be copied, extended and
 * changed like a plain object: middleware passes on `{ ...context, user }`.
 */
export function contextOf(call: EngineCall): CallContext {
  return new Proxy(new LazyContext(call), asOwnProperties);
}

/** Its signal aborts if the caller, its deadline or the server ends the call, and not for the handler's own error. */
class LazyContext implements CallContext, CallEndListener {
  readonly #call: EngineCall;
  #controller: AbortController | undefined;
  #isAborted = false;

  constructor(call: EngineCall) {
    this.#call = call;
    call.listenForEnd(this);
  }

  get metadata() {
    return this.#call.metadata;
  }

  get peer() {
    return this.#call.peer;
  }

  get header() {
    return this.#call.header;
  }

  get sendHeader() {
    return () => this.#call.sendHeader();
  }

  get trailer() {
    return this.#call.trailer;
  }

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

const parts: readonly PropertyKey[] = ['metadata', 'peer', 'header', 'sendHeader', 'trailer', 'signal'];

/** Shows the getters as properties of the object itself. Defining them on each object would take 20 times as long. */
const asOwnProperties: ProxyHandler<LazyContext> = {
  get: (context, key) => Reflect.get(context, key, context),
  set: (context, key, value) =>
    Reflect.defineProperty(context, key, { value, writable: true, enumerable: true, configurable: true }),
  ownKeys: (context) => [...new Set([...parts, ...Reflect.ownKeys(context)])] as (string | symbol)[],
  getOwnPropertyDescriptor(context, key) {
    const own = Reflect.getOwnPropertyDescriptor(context, key);
    if (own !== undefined || !parts.includes(key)) return own;
    return { value: Reflect.get(context, key, context), writable: true, enumerable: true, configurable: true };
  },
};
