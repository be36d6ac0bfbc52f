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
import { compressing, type Library, methodDefinitionOf } from './library.ts';

/** Clients of the package on two channels to a server, as a transport: one of the channels compresses requests. */
export class PackageTransport implements Transport {
  readonly #library: Library;
  readonly #plain: Channel;
  readonly #compressing: Channel;

  constructor(library: Library, address: string, { tls }: ConnectOptions = {}) {
    const credentials = tls && credentialsOf(library, tls);
    this.#library = library;
    this.#plain = library.createChannel(address, credentials);
    this.#compressing = library.createChannel(address, credentials, compressing);
  }

  unary<Request, Response>(method: EngineMethod<Request, Response>, request: Request, call: TransportCall) {
    const client = this.#library.createClient(
      { called: methodDefinitionOf(method, false, false) },
      this.#channel(call),
    );
    return one<Response>(method.path, call, (options) => client.called(request, options));
  }

  clientStreaming<Request, Response>(
    method: EngineMethod<Request, Response>,
    requests: AsyncIterable<Request>,
    call: TransportCall,
  ) {
    const client = this.#library.createClient({ called: methodDefinitionOf(method, true, false) }, this.#channel(call));
    return one<Response>(method.path, call, (options) => client.called(requests, options));
  }

  serverStreaming<Request, Response>(method: EngineMethod<Request, Response>, request: Request, call: TransportCall) {
    const client = this.#library.createClient({ called: methodDefinitionOf(method, false, true) }, this.#channel(call));
    return many<Response>(method.path, call, (options) => client.called(request, options));
  }

  bidiStreaming<Request, Response>(
    method: EngineMethod<Request, Response>,
    requests: AsyncIterable<Request>,
    call: TransportCall,
  ) {
    const client = this.#library.createClient({ called: methodDefinitionOf(method, true, true) }, this.#channel(call));
    return many<Response>(method.path, call, (options) => client.called(requests, options));
  }

  close(): void {
    for (const channel of [this.#plain, this.#compressing]) channel.close();
  }

  abort(): void {
    this.close();
  }

  #channel({ compressRequests }: TransportCall): Channel {
    return compressRequests ? this.#compressing : this.#plain;
  }
}

async function one<Response>(path: string, call: TransportCall, begin: (options: CallOptions) => Promise<unknown>) {
  const begun = new BegunCall(path, call);
  try {
    return (await begin(begun.options)) as Response;
  } catch (error) {
    throw begun.failure(error);
  }
}

async function* many<Response>(
  path: string,
  call: TransportCall,
  begin: (options: CallOptions) => AsyncIterable<unknown>,
) {
  const begun = new BegunCall(path, call);
  try {
    for await (const response of begin(begun.options)) yield response as Response;
  } catch (error) {
    throw begun.failure(error);
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
