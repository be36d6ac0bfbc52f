import type { CallContext, Metadata } from 'nice-grpc-common';
import type { EndedCall, WireStatus } from '../errors/wire-status.ts';
import type { Forwarder, RawEndpoint } from './forwarding.ts';
import type { HostObserver } from './host-observer.ts';
import type { PingPolicy } from './ping-strikes.ts';
import type { RequestFault } from './request-fault.ts';
import type { ClientTls, ServerTls } from './tls/tls-options.ts';

export type { ClientTls, ServerTls, TlsIdentity, TlsMaterial } from './tls/tls-options.ts';

/** The four kinds of gRPC calls. */
export type MethodKind = 'unary' | 'server-streaming' | 'client-streaming' | 'bidi-streaming';

/** A method as an engine needs it: path, kind and codecs. */
export interface EngineMethod<Request, Response> {
  /** `/user.v1.UserService/GetUser`. */
  readonly path: string;
  readonly kind: MethodKind;
  readonly encodeRequest: (message: Request) => Uint8Array;
  readonly decodeRequest: (bytes: Uint8Array) => Request;
  readonly encodeResponse: (message: Response) => Uint8Array;
  readonly decodeResponse: (bytes: Uint8Array) => Response;
}

/** Is notified when a call ends early. */
export interface CallEndListener {
  /** The call has ended without its response: by its caller (`undefined`), or for this error of the engine or the handler. */
  abandoned(reason?: unknown): void;
}

/** A call as the server chain gets it. Costly parts (metadata, signal) are made on first use. */
export interface EngineCall extends CallContext {
  readonly path: string;
  /** The caller's `x-request-id`, or a new one. It is sent with the response. */
  readonly requestId: string;
  /**
   * The caller's deadline, in milliseconds since the epoch; `undefined` if it set none. The engine ends the call then if it is
   * still open.
   */
  readonly deadlineMs: number | undefined;
  /** Whether the last request message was compressed; `undefined` before the first, and always on grpc-js. */
  readonly requestCompressed: boolean | undefined;
  /**
   * Whether to compress replies, from the next one; a generator may set it before each `yield`. Default: `false`. Uses gzip, or
   * deflate if the caller supports only that. No effect if it supports neither, and on grpc-js, whose server cannot compress.
   */
  compressReplies: boolean;
  /**
   * The service that the peer's certificate names (`spiffe://<trust domain>/<service>`), such as `order`. `undefined`:
   * the connection is not encrypted, or the peer sent no certificate.
   */
  readonly peerService?: string | undefined;
  /** The bytes that its request takes once the handler reads it; 0 for a stream of requests. */
  readonly requestBytes: number;
  /** Whether the call has ended, so no response can be sent. */
  readonly isOver: boolean;
  /** The fault in a stream of requests for which the engine has ended the call. */
  readonly requestFault: RequestFault | undefined;
  /**
   * One text value of the metadata, without making all of `metadata`; several are joined, so no reader believes
   * only one of them.
   */
  textMetadata(key: string): string | undefined;
  /**
   * Throws RESOURCE_EXHAUSTED `METADATA_TOO_LARGE` if the caller does not accept the header and trailer that are set and not
   * sent. The engine sends them without this check: call it before the first response message and before the end.
   */
  checkMetadata(): void;
  /** Ends the call with `error` now and aborts `signal`, unless it has ended. The handler may still be running. */
  fail(error: unknown): void;
  /**
   * Decompresses a large request on another thread, before `read` is called; without this, `read` does it. Never rejects.
   * `undefined` if there is nothing to wait for.
   */
  decompressRequest(): Promise<void> | undefined;
  /**
   * Compresses a large response on another thread, before it is returned; without this, sending it does. Never rejects.
   * `undefined` if there is nothing to wait for.
   */
  compressResponse(bytes: Uint8Array): Promise<void> | undefined;
  /** Sets the listener for an early end of the call. A call has one; `undefined` removes it. */
  listenForEnd(listener: CallEndListener | undefined): void;
}

/** Returns the request of a call; decompresses and decodes it then. Throws a MeshError if it is invalid. */
export type ReadRequest<Request> = () => Request;

/**
 * A handler of one of the four kinds. It is called when the request is complete, or after the head of a stream of requests.
 * `toStatus` converts its error to a status.
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

/** The pings of a client with open calls, by the rules of gRPC: most servers end connections that ping more often. */
export interface Keepalive {
  /**
   * From the last bytes of the server to a ping. The next ping comes 5 min later at the earliest, unless the server has sent
   * headers or data since. A server that complains (`too_many_pings`) gets half as many. On grpc-js at least 5 min.
   */
  readonly everyMs: number;
  /** How long the server may take to acknowledge it. Default: 20 s. */
  readonly timeoutMs?: number;
}

export interface ConnectOptions {
  /** Default: the connection is not encrypted. */
  readonly tls?: ClientTls | undefined;
  /** Default: no pings. A server that is gone is found by TCP, and one that hangs by the deadlines of calls. */
  readonly keepalive?: Keepalive | undefined;
  /** The time limit of connecting, of the TLS handshake and of the server's first SETTINGS, each. Default: 5 s. */
  readonly connectTimeoutMs?: number;
  /**
   * Whether the windows of streams grow with the throughput, from 256 KiB to 4 MiB. Default: true. False: a response whose
   * reader stops holds no more than 256 KiB. grpc-js ignores it.
   */
  readonly windowsGrow?: boolean | undefined;
}

export interface ServerHostOptions {
  /** Default: connections are not encrypted. INVALID_ARGUMENT `INVALID_TLS` if the key or a certificate cannot be used. */
  readonly tls?: ServerTls | undefined;
  /** The maximum size of a request message. Larger ones are RESOURCE_EXHAUSTED. Default: 4 MiB. */
  readonly maxReceiveBytes?: number;
  /** The maximum number of open streams per connection. Default: 1,000. */
  readonly maxConcurrentStreams?: number;
  /** The maximum number of connections. Further ones get an HTTP status 503 and are closed. Default: 10,000. */
  readonly maxConnections?: number;
  /** The maximum number of connections of one address; further ones get the same. Default: 5,000. */
  readonly maxConnectionsPerAddress?: number;
  /** How often clients may ping. More pings end the connection with ENHANCE_YOUR_CALM `too_many_pings`. */
  readonly pings?: PingPolicy | undefined;
  /** Is notified of connections that the host ends and of calls that it refuses. */
  readonly observer?: HostObserver | undefined;
  /**
   * The maximum time for the request of a unary or server-streaming call to arrive completely, regardless
   * of its deadline. After that the call ends with DEADLINE_EXCEEDED `REQUEST_INCOMPLETE`. Default: 60 s. Not on grpc-js.
   */
  readonly requestTimeoutMs?: number;
  /** Whether each response has an `x-request-id`: that of its call, or a new one. Default: true. Not on grpc-js. */
  readonly requestIds?: boolean;
  /** Converts an error of a handler, a decoder or the engine to a status. */
  readonly toStatus: (error: unknown, call: EndedCall) => WireStatus;
}

/** A gRPC server: listens, speaks HTTP/2 and gRPC framing, and calls handlers. Policy is above it. */
export interface ServerHost {
  readonly openConnections: number;
  /** `host:port` at which it listens, an address in place of a name, or `unix:/path`; `undefined` until it does. */
  readonly boundAddress: string | undefined;
  /** Adds a method; only before `listen`. */
  add<Request, Response>(method: EngineMethod<Request, Response>, handler: EngineHandler<Request, Response>): void;
  /** Forwards the calls whose paths have no method; only before `listen`. Only on the native engine. */
  forward?(forwarder: Forwarder): void;
  /**
   * Listens on `host:port` (port 0: any free port); resolves with the port. Rejects with a MeshError that names the address and
   * the setting that it is from, if that is given.
   */
  listen(address: string, setting?: string): Promise<number>;
  /** Accepts no new calls (GOAWAY). Resolves when open calls have ended; ends those that are left after `graceMs`. */
  drain(graceMs: number): Promise<void>;
}

/** The options of one call of a client. */
export interface TransportCall {
  readonly metadata: Metadata;
  /** The deadline, in milliseconds since the epoch. It is sent as `grpc-timeout` and also enforced by the client. */
  readonly deadlineMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  /**
   * Whether to gzip requests: all of them, or those for which it returns true. Default: none. A server without gzip refuses the
   * call with UNIMPLEMENTED.
   */
  readonly compressRequests?: boolean | ((request: unknown) => boolean) | undefined;
  readonly onHeader?: ((header: Metadata) => void) | undefined;
  readonly onTrailer?: ((trailer: Metadata) => void) | undefined;
  /**
   * How often the call may be sent to this endpoint if the server refuses it before a handler has seen it. 1 if it could be sent
   * elsewhere. Default: 3.
   */
  readonly maxOpenings?: number | undefined;
  /**
   * Whether the call ends with UNAVAILABLE when the server announces the end of its connection (GOAWAY), for a stream without an
   * end, which would delay that. Default: `false`. No effect on grpc-js, which does not report it.
   */
  readonly endsAtGoaway?: boolean | undefined;
}

/**
 * Makes calls to one endpoint. They reject with TransportError, a ClientError, which says whether the call was `unsent`. Retries
 * and breakers are above it.
 */
export interface Transport {
  /** When the server last sent anything, on a clock that only goes forward; `undefined` without a connection, and on grpc-js. */
  readonly lastReceivedMs?: number | undefined;
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
  /** Closes the connections once their open calls have ended. Later calls fail with UNAVAILABLE, unsent. */
  close(): void;
  /** Closes the connections now: their open calls fail with UNAVAILABLE. For a server that no longer answers. */
  abort(): void;
}

export interface Engine {
  readonly name: string;
  createServerHost(options: ServerHostOptions): ServerHost;
  /**
   * Returns a transport to `host:port`. It connects when first used, and again after a lost connection. Throws INVALID_ARGUMENT
   * `INVALID_TLS` if the key or a certificate cannot be used.
   */
  connect(address: string, options?: ConnectOptions): Transport;
  /** Returns the connections to `host:port` for forwarded calls, which connect as those of `connect`. Only on the native engine. */
  connectRaw?(address: string, options?: ConnectOptions): RawEndpoint;
}
