import type { CallContext } from 'nice-grpc-common';
import type {
  EngineCall,
  EngineHandler,
  EngineMethod,
  ServerHost,
  ServerHostOptions,
  ServerTls,
} from '../../../mesh/engines/engine.ts';
import type { Server, ServerCredentials } from '../../../packages/grpc/src/index.ts';
import { compressing, type Library, methodDefinitionOf } from './library.ts';

/** Adds a method to a server. */
type Adder = (server: Server) => void;

/** A server of the package, as a host: each of its methods is a service of its own. */
export class PackageHost implements ServerHost {
  readonly openConnections = 0;
  readonly boundAddress = undefined;
  readonly #library: Library;
  readonly #options: ServerHostOptions;
  readonly #adders: Adder[] = [];
  readonly #ofRequests = new WeakSet<object>();
  #server: Server | undefined;

  constructor(library: Library, options: ServerHostOptions) {
    this.#library = library;
    this.#options = options;
  }

  add<Request, Response>(method: EngineMethod<Request, Response>, handler: EngineHandler<Request, Response>): void {
    this.#adders.push(this.#adderOf(method, handler));
  }

  async listen(address: string): Promise<number> {
    const { maxReceiveBytes, maxConcurrentStreams, tls } = this.#options;
    const server = this.#library.createServer({
      ...compressing,
      ...(maxReceiveBytes !== undefined && { 'grpc.max_receive_message_length': maxReceiveBytes }),
      ...(maxConcurrentStreams !== undefined && { 'grpc.max_concurrent_streams': maxConcurrentStreams }),
    });
    for (const addTo of this.#adders) addTo(server);
    this.#server = server;
    return await server.listen(address, tls && credentialsOf(this.#library, tls));
  }

  async drain(): Promise<void> {
    this.#server?.forceShutdown();
  }

  #adderOf<Request, Response>(
    method: EngineMethod<Request, Response>,
    handler: EngineHandler<Request, Response>,
  ): Adder {
    const { path } = method;
    switch (handler.kind) {
      case 'unary': {
        const definition = { called: methodDefinitionOf(method, false, false) };
        const handle = (request: unknown) => (call: EngineCall) => handler.handle(() => request as Request, call);
        return (server) =>
          server.add(definition, { called: (request, context) => this.#one(path, context, handle(request)) });
      }
      case 'client-streaming': {
        const definition = { called: methodDefinitionOf(method, true, false) };
        const handle = (requests: AsyncIterable<unknown>) => (call: EngineCall) =>
          handler.handle(this.#noted(requests), call);
        return (server) =>
          server.add(definition, { called: (requests, context) => this.#one(path, context, handle(requests)) });
      }
      case 'server-streaming': {
        const definition = { called: methodDefinitionOf(method, false, true) };
        const handle = (request: unknown) => (call: EngineCall) => handler.handle(() => request as Request, call);
        return (server) =>
          server.add(definition, { called: (request, context) => this.#many(path, context, handle(request)) });
      }
      case 'bidi-streaming': {
        const definition = { called: methodDefinitionOf(method, true, true) };
        const handle = (requests: AsyncIterable<unknown>) => (call: EngineCall) =>
          handler.handle(this.#noted(requests), call);
        return (server) =>
          server.add(definition, { called: (requests, context) => this.#many(path, context, handle(requests)) });
      }
    }
  }

  async #one<Response>(path: string, context: CallContext, handle: (call: EngineCall) => Promise<Response>) {
    try {
      return await handle(engineCallOf(path, context));
    } catch (error) {
      throw this.#failure(error, path, context);
    }
  }

  async *#many<Response>(path: string, context: CallContext, handle: (call: EngineCall) => AsyncIterable<Response>) {
    try {
      yield* handle(engineCallOf(path, context));
    } catch (error) {
      throw this.#failure(error, path, context);
    }
  }

  /** The requests of a call. What reading them throws is an error of the package. */
  async *#noted<Request>(requests: AsyncIterable<unknown>): AsyncGenerator<Request, void, undefined> {
    try {
      for await (const request of requests) yield request as Request;
    } catch (error) {
      this.#ofRequests.add(error as object);
      throw error;
    }
  }

  /** The error that a handler of nice-grpc throws for the status. Those of the package itself are thrown on. */
  #failure(error: unknown, path: string, { trailer, signal }: CallContext): unknown {
    if (signal.aborted || this.#ofRequests.has(error as object)) return error;
    const status = this.#options.toStatus(error, { path, requestId: '', otherBytes: 0 });
    for (const [name, values] of status.metadata) for (const value of values) trailer.append(name, value as never);
    return new this.#library.ServerError(status.code, status.details);
  }
}

/** A call with what nice-grpc's interface has of it. Handlers of the suites use nothing else. */
function engineCallOf(path: string, { metadata, header, trailer, signal, peer, sendHeader }: CallContext): EngineCall {
  const missing = () => {
    throw new TypeError(`${path}: nice-grpc's interface has no such part of a call`);
  };
  return {
    path,
    metadata,
    header,
    trailer,
    signal,
    peer,
    sendHeader: () => sendHeader(),
    requestId: '',
    deadlineMs: undefined,
    requestCompressed: undefined,
    compressReplies: true,
    requestBytes: 0,
    requestFault: undefined,
    get isOver() {
      return signal.aborted;
    },
    textMetadata: missing,
    checkMetadata: missing,
    fail: missing,
    decompressRequest: missing,
    compressResponse: missing,
    listenForEnd: missing,
  };
}

function credentialsOf({ ServerCredentials }: Library, { identity, clients }: ServerTls): ServerCredentials {
  const { key, cert, ca } = identity.current;
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) };
  const isRequired = clients === 'required';
  return ServerCredentials.createSsl(isRequired ? Buffer.from(ca) : null, [pair], isRequired);
}
