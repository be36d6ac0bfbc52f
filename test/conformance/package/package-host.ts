import type { CallContext } from 'nice-grpc-common';
import type {
  EngineCall,
  EngineHandler,
  EngineMethod,
  ServerHost,
  ServerHostOptions,
  ServerTls,
} from '../../../mesh/engines/engine.ts';
import type { Server, ServerCredentials, ServiceDefinition } from '../../../packages/grpc/src/index.ts';
import { methodDefinitionOf } from './method-definition.ts';
import type { Library } from './package-engine.ts';

const gzip = 2;

type AnyImplementation = (request: unknown, context: CallContext) => unknown;

/** A server of the package, as a host: its handlers are an implementation of one service. */
export class PackageHost implements ServerHost {
  readonly openConnections = 0;
  readonly boundAddress = undefined;
  readonly #library: Library;
  readonly #options: ServerHostOptions;
  readonly #definition: ServiceDefinition = {};
  readonly #implementation: Record<string, AnyImplementation> = {};
  readonly #ofRequests = new WeakSet<object>();
  #server: Server | undefined;

  constructor(library: Library, options: ServerHostOptions) {
    this.#library = library;
    this.#options = options;
  }

  add<Request, Response>(method: EngineMethod<Request, Response>, handler: EngineHandler<Request, Response>): void {
    const { path } = method;
    this.#definition[path] = methodDefinitionOf(method as EngineMethod<unknown, unknown>);
    this.#implementation[path] = this.#implementationOf(path, handler as EngineHandler<unknown, unknown>);
  }

  async listen(address: string): Promise<number> {
    const { maxReceiveBytes, maxConcurrentStreams, tls } = this.#options;
    this.#server = this.#library.createServer({
      'grpc.default_compression_algorithm': gzip,
      ...(maxReceiveBytes !== undefined && { 'grpc.max_receive_message_length': maxReceiveBytes }),
      ...(maxConcurrentStreams !== undefined && { 'grpc.max_concurrent_streams': maxConcurrentStreams }),
    });
    this.#server.add(this.#definition, this.#implementation as never);
    return await this.#server.listen(address, tls && credentialsOf(this.#library, tls));
  }

  async drain(): Promise<void> {
    this.#server?.forceShutdown();
  }

  #implementationOf(path: string, handler: EngineHandler<unknown, unknown>): AnyImplementation {
    const { kind } = handler;
    const begin = (request: unknown, context: CallContext) => {
      const call = engineCallOf(path, context);
      return kind === 'unary' || kind === 'server-streaming'
        ? handler.handle(() => request, call)
        : handler.handle(this.#noted(request as AsyncIterable<unknown>), call);
    };
    if (kind === 'unary' || kind === 'client-streaming') {
      return async (request, context) => {
        try {
          return await begin(request, context);
        } catch (error) {
          throw this.#failure(error, path, context);
        }
      };
    }
    const failure = (error: unknown, context: CallContext) => this.#failure(error, path, context);
    return async function* many(request, context) {
      try {
        yield* begin(request, context) as AsyncIterable<unknown>;
      } catch (error) {
        throw failure(error, context);
      }
    };
  }

  /** The requests of a call. What reading them throws is an error of the package. */
  async *#noted(requests: AsyncIterable<unknown>): AsyncGenerator<unknown, void, undefined> {
    try {
      yield* requests;
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

/** The parts of a call that nice-grpc's interface has. Handlers of the suites use no others. */
function engineCallOf(path: string, { metadata, header, trailer, signal, peer, sendHeader }: CallContext): EngineCall {
  const known = { path, metadata, header, trailer, signal, peer, sendHeader: () => sendHeader() };
  const unknown = { deadlineMs: undefined, requestCompressed: undefined, compressReplies: true };
  return { ...known, ...unknown } as unknown as EngineCall;
}

function credentialsOf({ ServerCredentials }: Library, { identity, clients }: ServerTls): ServerCredentials {
  const { key, cert, ca } = identity.current;
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) };
  const isRequired = clients === 'required';
  return ServerCredentials.createSsl(isRequired ? Buffer.from(ca) : null, [pair], isRequired);
}
