import { type CallOptions, ClientError, Metadata, Status } from 'nice-grpc-common';
import type {
  ClientTls,
  ConnectOptions,
  EngineMethod,
  Transport,
  TransportCall,
} from '../../../mesh/engines/engine.ts';
import { TransportError } from '../../../mesh/engines/transport-error.ts';
import type { Channel, ChannelCredentials } from '../../../packages/grpc/src/index.ts';
import { methodDefinitionOf } from './method-definition.ts';
import type { Library } from './package-engine.ts';

const gzip = 2;

type ClientMethod = (request: unknown, options: CallOptions) => unknown;

/** Clients of the package on two channels to a server, as a transport: one of the channels compresses requests. */
export class PackageTransport implements Transport {
  readonly #library: Library;
  readonly #plain: Channel;
  readonly #compressing: Channel;

  constructor(library: Library, address: string, { tls }: ConnectOptions = {}) {
    const credentials = tls && credentialsOf(library, tls);
    this.#library = library;
    this.#plain = library.createChannel(address, credentials);
    this.#compressing = library.createChannel(address, credentials, { 'grpc.default_compression_algorithm': gzip });
  }

  unary<Request, Response>(method: EngineMethod<Request, Response>, request: Request, call: TransportCall) {
    return this.#one<Response>(method as EngineMethod<unknown, unknown>, request, call);
  }

  clientStreaming<Request, Response>(
    method: EngineMethod<Request, Response>,
    requests: AsyncIterable<Request>,
    call: TransportCall,
  ) {
    return this.#one<Response>(method as EngineMethod<unknown, unknown>, requests, call);
  }

  serverStreaming<Request, Response>(method: EngineMethod<Request, Response>, request: Request, call: TransportCall) {
    return this.#many<Response>(method as EngineMethod<unknown, unknown>, request, call);
  }

  bidiStreaming<Request, Response>(
    method: EngineMethod<Request, Response>,
    requests: AsyncIterable<Request>,
    call: TransportCall,
  ) {
    return this.#many<Response>(method as EngineMethod<unknown, unknown>, requests, call);
  }

  close(): void {
    for (const channel of [this.#plain, this.#compressing]) channel.close();
  }

  abort(): void {
    this.close();
  }

  async #one<Response>(method: EngineMethod<unknown, unknown>, request: unknown, call: TransportCall) {
    const begun = new BegunCall(method.path, call);
    try {
      return (await this.#method(method, call)(request, begun.options)) as Response;
    } catch (error) {
      throw begun.failure(error);
    }
  }

  async *#many<Response>(method: EngineMethod<unknown, unknown>, request: unknown, call: TransportCall) {
    const begun = new BegunCall(method.path, call);
    try {
      yield* this.#method(method, call)(request, begun.options) as AsyncIterable<Response>;
    } catch (error) {
      throw begun.failure(error);
    }
  }

  #method(method: EngineMethod<unknown, unknown>, { compressRequests }: TransportCall): ClientMethod {
    const channel = compressRequests ? this.#compressing : this.#plain;
    const { called } = this.#library.createClient({ called: methodDefinitionOf(method) }, channel);
    return called as unknown as ClientMethod;
  }
}

/** A call with a deadline as nice-grpc's middleware sets it: it aborts the call, and sends the server no timeout. */
class BegunCall {
  readonly options: CallOptions;
  readonly #path: string;
  readonly #deadline: AbortSignal | undefined;
  readonly #signal: AbortSignal | undefined;
  #trailer = Metadata();

  constructor(path: string, { metadata, deadlineMs, signal, onHeader, onTrailer }: TransportCall) {
    this.#path = path;
    this.#signal = signal;
    this.#deadline = deadlineMs === undefined ? undefined : AbortSignal.timeout(Math.max(0, deadlineMs - Date.now()));
    const signals = [signal, this.#deadline].filter((each) => each !== undefined);
    this.options = {
      metadata,
      signal: AbortSignal.any(signals),
      ...(onHeader && { onHeader }),
      onTrailer: (trailer) => {
        this.#trailer = trailer;
        onTrailer?.(trailer);
      },
    };
  }

  failure(error: unknown): unknown {
    if (error instanceof ClientError) return new TransportError(this.#path, error.code, error.details, this.#trailer);
    if (!(error instanceof Error) || error.name !== 'AbortError') return error;
    const isLate = this.#deadline?.aborted && !this.#signal?.aborted;
    const code = isLate ? Status.DEADLINE_EXCEEDED : Status.CANCELLED;
    return new TransportError(this.#path, code, error.message, this.#trailer);
  }
}

function credentialsOf({ ChannelCredentials }: Library, { identity, ca }: ClientTls): ChannelCredentials {
  if (identity === undefined) return ChannelCredentials.createSsl(ca === undefined ? null : Buffer.from(ca));
  const { current } = identity;
  const [roots, key, cert] = [current.ca, current.key, current.cert].map((pem) => Buffer.from(pem));
  return ChannelCredentials.createSsl(roots, key, cert);
}
