/** Values of the query of a URL. A list becomes one parameter for each of its values, a `Date` RFC 3339; `undefined` is left out. */
export type QueryParams = Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>>;

type QueryValue = string | number | bigint | boolean | Date;

/** The options of one call. */
export interface RestCallOptions {
  /** The query of the URL. */
  readonly params?: QueryParams | undefined;
  /** Added to those of the client. */
  readonly headers?: Readonly<Record<string, string>>;
  /** When the response is due: a date, or milliseconds since the epoch. Default: now plus the client's `timeoutMs`. */
  readonly deadline?: Date | number;
  /** Cancels the call. */
  readonly signal?: AbortSignal;
  /** Sent as `Idempotency-Key`. A POST or PATCH that has one is retried: the server acts once for all its attempts. */
  readonly idempotencyKey?: string;
  /** Statuses that resolve, in addition to 2xx: `[404]`. All others reject. The data is then a problem, or `undefined`. */
  readonly expectedStatuses?: readonly number[];
  /** Maximum attempts, the first included. Default: the client's. */
  readonly maxAttempts?: number;
}

export interface RestResponse<Data> {
  /** The parsed JSON; `undefined` if the response has no body. */
  readonly data: Data;
  readonly status: number;
  /** By lower-case name: `headers.etag`. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What both kinds of clients have. */
export interface ServiceClient extends Disposable {
  /** Ends calls in flight with CANCELLED, and closes the connections. Later calls are refused. */
  close(): void;
}

/**
 * Calls a REST API. Paths begin with `/` and are below the base URL. Each method rejects with a RestError. `Data` is not
 * checked: ask for `unknown` where the server is not trusted.
 */
export interface RestClient extends ServiceClient {
  get<Data = unknown>(path: string, options?: RestCallOptions): Promise<RestResponse<Data>>;
  /** Its response has no body. */
  head(path: string, options?: RestCallOptions): Promise<RestResponse<undefined>>;
  delete<Data = unknown>(path: string, options?: RestCallOptions): Promise<RestResponse<Data>>;
  /** The body is sent as JSON; a `bigint` in it as text, a `Date` in RFC 3339. */
  post<Data = unknown>(path: string, body?: unknown, options?: RestCallOptions): Promise<RestResponse<Data>>;
  put<Data = unknown>(path: string, body?: unknown, options?: RestCallOptions): Promise<RestResponse<Data>>;
  patch<Data = unknown>(path: string, body?: unknown, options?: RestCallOptions): Promise<RestResponse<Data>>;
}

/** The settings of a client. */
export interface RestClientOptions {
  /** The service, as error texts name it. Default: the host of the base URL. */
  readonly name?: string;
  /** The time for a call with all its attempts, in milliseconds, if the call has no deadline. Default: 5,000. */
  readonly timeoutMs?: number;
  /**
   * The time for a connection and the head of a response, in milliseconds, after which an idempotent call is attempted again.
   * Default: none, so a server that hangs gets one attempt.
   */
  readonly attemptTimeoutMs?: number;
  /** Maximum attempts, the first included. Default: 4. */
  readonly maxAttempts?: number;
  /** The delay before the first retry, in milliseconds, ±20 %; it doubles with each further retry. Default: 100. */
  readonly firstDelayMs?: number;
  /** Maximum size of a response, decompressed. Default: 10 MiB. */
  readonly maxResponseBytes?: number;
  /** Maximum redirects of a call, all within the origin of the base URL. Default: 5. */
  readonly maxRedirects?: number;
  /** Maximum connections; further calls wait for one. Default: 100. */
  readonly maxConnections?: number;
  /** The authorities that may sign the server's certificate, as PEM. Default: those of Node and of `NODE_EXTRA_CA_CERTS`. */
  readonly ca?: string;
  /**
   * Sent with each call as `authorization: Bearer …`, unless that has an `authorization` of its own. A function is
   * asked before each call, so it can renew a token; what it throws is thrown to the caller.
   */
  readonly token?: string | (() => string | Promise<string>) | undefined;
  /** Sent with each call. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` are followed. Default: false. */
  readonly proxyFromEnvironment?: boolean;
}
