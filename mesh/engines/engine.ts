import type { CallContext, Metadata } from 'nice-grpc-common';
import type { WireStatus } from '../errors/wire-status.ts';

/** The four kinds of call of gRPC. */
export type MethodKind = 'unary' | 'server-streaming' | 'client-streaming' | 'bidi-streaming';

/** What an engine has to know of a method: its path, its kind, and how messages become bytes. */
export interface EngineMethod<Request, Response> {
  /** `/user.v1.UserService/GetUser`. */
  readonly path: string;
  readonly kind: MethodKind;
  readonly encodeRequest: (message: Request) => Uint8Array;
  readonly decodeRequest: (bytes: Uint8Array) => Request;
  readonly encodeResponse: (message: Response) => Uint8Array;
  readonly decodeResponse: (bytes: Uint8Array) => Response;
}

/** Who wants to know that a call has ended. */
export interface CallEndListener {
  /** The call has ended otherwise than by its answer. */
  abandoned(): void;
}

/** A call as the engine hands it to the server chain. Costly parts (metadata, signal) are made when first asked for. */
export interface EngineCall extends CallContext {
  readonly path: string;
  /**
   * When the caller's deadline passes, in milliseconds since the epoch; `undefined` when the call came without one. The
   * engine ends the call then if nobody has before.
   */
  readonly deadlineMs: number | undefined;
  /**
   * Whether the request message that the handler was given last came compressed; `undefined` before the first, and always
   * on grpc-js, which does not tell.
   */
  readonly requestCompressed: boolean | undefined;
  /**
   * Whether replies are compressed, from the next on: a generator may set it before each `yield`. Default `false`. By gzip,
   * or by deflate for a caller that takes only that; one that takes neither gets them as they are, and so do those of
   * grpc-js, whose server cannot compress.
   */
  compressReplies: boolean;
  /** The bytes of its request that are in memory until a handler asks for it; 0 where the requests are a stream. */
  readonly requestBytes: number;
  /** Whether the call has ended: nobody waits for its answer. */
  readonly isOver: boolean;
  /** One text value of the request's metadata, without making all of `metadata`. */
  textMetadata(key: string): string | undefined;
  /** Ends the call with `error` now and aborts `signal`, whatever the handler still does; nothing when it has ended. */
  fail(error: unknown): void;
  /** Who is told when the call ends otherwise than by its answer. One listener a call; `undefined` takes it away. */
  listenForEnd(listener: CallEndListener | undefined): void;
}

/**
 * The one request of a call, decompressed and decoded when it is asked for: of a call that ends before, nothing is. Throws
 * what is wrong with it.
 */
export type ReadRequest<Request> = () => Request;

/**
 * The handlers of the four kinds, by kind, called once all of the request has come, or its head where it is a stream. What
 * they reject with is made a status by `toStatus`.
 */
export type EngineHandler<Request, Response> =
  | { readonly kind: 'unary'; readonly handle: (read: ReadRequest<Request>, call: EngineCall) => Promise<Response> }
  | {
      readonly kind: 'server-streaming';
      readonly handle: (read: ReadRequest<Request>, call: EngineCall) => AsyncIterable<Response>;
    }
  | {
      readonly kind: 'client-streaming';
      readonly handle: (requests: AsyncIterable<Request>, call: EngineCall) => Promise<Response>;
    }
  | {
      readonly kind: 'bidi-streaming';
      readonly handle: (requests: AsyncIterable<Request>, call: EngineCall) => AsyncIterable<Response>;
    };

/** What a server shows and asks for over TLS, all of it as PEM. Only HTTP/2 is spoken there, as ALPN says it. */
export interface ServerTls {
  readonly key: string | Buffer;
  /** The certificate, and behind it those between it and its CA. */
  readonly cert: string | Buffer;
  /** Who has to have signed the certificates of clients. Default: clients need none. */
  readonly clientCa?: string | Buffer | undefined;
  /** How long a handshake may take, in milliseconds. Default 10 s. */
  readonly handshakeTimeoutMs?: number;
}

/** What a client expects and shows over TLS, all of it as PEM. */
export interface ClientTls {
  /** Who has to have signed the server's certificate. Default: the CAs that Node trusts. */
  readonly ca?: string | Buffer | undefined;
  /** The name that has to be in the server's certificate. Default: the host of the address. */
  readonly serverName?: string | undefined;
  /** For servers that ask for a certificate. */
  readonly key?: string | Buffer | undefined;
  readonly cert?: string | Buffer | undefined;
}

export interface ConnectOptions {
  /** Default: the connection is not encrypted. */
  readonly tls?: ClientTls | undefined;
  /** How long one attempt to connect may take, TLS and the server's first word each, in milliseconds. Default 5 s. */
  readonly connectTimeoutMs?: number;
}

export interface ServerHostOptions {
  /** Default: connections are not encrypted. INVALID_ARGUMENT `INVALID_TLS` when the key or a certificate cannot be used. */
  readonly tls?: ServerTls | undefined;
  /** The largest message taken, in bytes. Default 4 MiB. Larger ones are RESOURCE_EXHAUSTED. */
  readonly maxReceiveBytes?: number;
  /** Streams a connection may have open. Default 1,000. */
  readonly maxConcurrentStreams?: number;
  /**
   * How long the request of a unary or server-streaming call may take to come whole, in milliseconds from its beginning,
   * whatever its deadline. Default 60 s, then it is DEADLINE_EXCEEDED `REQUEST_INCOMPLETE`. Not on grpc-js.
   */
  readonly requestTimeoutMs?: number;
  /** Makes the status of whatever a handler, a decoder or the engine itself failed with. */
  readonly toStatus: (error: unknown, path: string) => WireStatus;
}

/** A gRPC server: listens, speaks HTTP/2 and gRPC framing, and calls handlers. Policy is above it. */
export interface ServerHost {
  /** Adds a method; only before `listen`. */
  add<Request, Response>(method: EngineMethod<Request, Response>, handler: EngineHandler<Request, Response>): void;
  /** Listens on `host:port` (port 0: any) and resolves with the port. Rejects with a MeshError that names the address. */
  listen(address: string): Promise<number>;
  /** Takes no new calls (GOAWAY), and resolves when those under way have ended or `graceMs` is over; then ends the rest. */
  drain(graceMs: number): Promise<void>;
}

/** What a client says of one call. */
export interface TransportCall {
  readonly metadata: Metadata;
  /** When the call must be over, in milliseconds since the epoch: sent as `grpc-timeout` and enforced here as well. */
  readonly deadlineMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  /**
   * Whether requests are sent gzipped: all of them, or those for which this says so. Default: none. A server that takes no
   * gzip refuses the call with UNIMPLEMENTED.
   */
  readonly compressRequests?: boolean | ((request: unknown) => boolean) | undefined;
  readonly onHeader?: ((header: Metadata) => void) | undefined;
  readonly onTrailer?: ((trailer: Metadata) => void) | undefined;
}

/** A way to one endpoint. Calls reject with TransportError, a ClientError. Choosing endpoints, retries, breakers are above it. */
export interface Transport {
  unary<Request, Response>(
    method: EngineMethod<Request, Response>,
    request: Request,
    call: TransportCall,
  ): Promise<Response>;
  serverStreaming<Request, Response>(
    method: EngineMethod<Request, Response>,
    request: Request,
    call: TransportCall,
  ): AsyncIterable<Response>;
  clientStreaming<Request, Response>(
    method: EngineMethod<Request, Response>,
    requests: AsyncIterable<Request>,
    call: TransportCall,
  ): Promise<Response>;
  bidiStreaming<Request, Response>(
    method: EngineMethod<Request, Response>,
    requests: AsyncIterable<Request>,
    call: TransportCall,
  ): AsyncIterable<Response>;
  close(): void;
}

/** An engine: grpc-js, or the native one. */
export interface Engine {
  readonly name: string;
  createServerHost(options: ServerHostOptions): ServerHost;
  /**
   * A transport to `host:port`. It connects when first used, and again after it lost the connection. Throws INVALID_ARGUMENT
   * `INVALID_TLS` when the key or a certificate cannot be used.
   */
  connect(address: string, options?: ConnectOptions): Transport;
}
