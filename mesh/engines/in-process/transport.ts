import type { ConnectionPeer } from '../connection-peer.ts';
import type { EngineMethod, Transport, TransportCall } from '../engine.ts';
import { type Calls, makeCalls } from '../native/grpc/client/make-calls.ts';
import type { InProcessHost } from './host.ts';

/** Makes calls to a host of this process, and over a connection those that it does not serve. */
export class InProcessTransport implements Transport {
  readonly #from: ConnectionPeer;
  readonly #host: () => InProcessHost | undefined;
  readonly #connect: () => Transport;
  #inProcess: { readonly host: InProcessHost; readonly calls: Calls } | undefined;
  #wire: Transport | undefined;
  #closed = false;

  /** `host` is called for each call, `connect` for the first that it does not serve. */
  constructor(from: ConnectionPeer, host: () => InProcessHost | undefined, connect: () => Transport) {
    this.#from = from;
    this.#host = host;
    this.#connect = connect;
  }

  unary<Request, Response>(method: EngineMethod<Request, Response>, request: Request, call: TransportCall) {
    return this.#callsTo(method.path).unary(method, request, call);
  }

  serverStreaming<Request, Response>(method: EngineMethod<Request, Response>, request: Request, call: TransportCall) {
    return this.#callsTo(method.path).serverStreaming(method, request, call);
  }

  clientStreaming<Request, Response>(
    method: EngineMethod<Request, Response>,
    requests: AsyncIterable<Request>,
    call: TransportCall,
  ) {
    return this.#callsTo(method.path).clientStreaming(method, requests, call);
  }

  bidiStreaming<Request, Response>(
    method: EngineMethod<Request, Response>,
    requests: AsyncIterable<Request>,
    call: TransportCall,
  ) {
    return this.#callsTo(method.path).bidiStreaming(method, requests, call);
  }

  close(): void {
    this.#closed = true;
    this.#overWire().close();
  }

  abort(): void {
    this.#closed = true;
    this.#overWire().abort();
    this.#inProcess?.host.endCalls(this.#from);
  }

  #callsTo(path: string): Calls {
    const host = this.#closed ? undefined : this.#host();
    return host?.serves(path) ? this.#within(host) : this.#overWire();
  }

  #within(host: InProcessHost): Calls {
    if (this.#inProcess?.host !== host) {
      const from = this.#from;
      const calls = makeCalls((method, call, listener) => host.begin({ method, call, listener, from }));
      this.#inProcess = { host, calls };
    }
    return this.#inProcess.calls;
  }

  #overWire(): Transport {
    this.#wire ??= this.#connect();
    return this.#wire;
  }
}
