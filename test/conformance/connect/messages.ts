/** The messages of `connectrpc.conformance.v1`, with the fields that gRPC uses. A missing field has its default. */
export interface Header {
  readonly name: string;
  /** The values of a name that ends with `-bin` are in base64. */
  readonly value: readonly string[];
}

export interface AnyMessage {
  readonly type_url: string;
  readonly value?: Uint8Array;
}

export interface CallError {
  readonly code?: number;
  readonly message?: string;
  readonly details: readonly AnyMessage[];
}

export interface UnaryResponseDefinition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs?: number;
  readonly responseData?: Uint8Array;
  readonly error?: CallError;
}

export interface StreamResponseDefinition {
  readonly responseHeaders: readonly Header[];
  readonly responseTrailers: readonly Header[];
  readonly responseDelayMs?: number;
  readonly responseData: readonly Uint8Array[];
  readonly error?: CallError;
}

/** The request of each method, with its definition of the response. */
export interface ConformanceRequest<Definition> {
  readonly responseDefinition?: Definition;
  readonly requestData?: Uint8Array;
  /** Only of BidiStream. */
  readonly fullDuplex?: boolean;
}

export type UnaryRequest = ConformanceRequest<UnaryResponseDefinition>;
export type StreamRequest = ConformanceRequest<StreamResponseDefinition>;

export interface RequestInfo {
  readonly requestHeaders?: readonly Header[];
  readonly timeoutMs?: number;
  readonly requests?: readonly AnyMessage[];
}

export interface ConformancePayload {
  readonly data?: Uint8Array;
  readonly requestInfo?: RequestInfo;
}

export interface ConformanceResponse {
  readonly payload?: ConformancePayload;
}

export interface TlsCredentials {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

/** What the server under test should be like. */
export interface ServerCompatRequest {
  readonly useTls?: boolean;
  /** The certificate that clients have, if they need one. */
  readonly clientTlsCert?: Uint8Array;
  readonly messageReceiveLimit?: number;
  readonly serverCreds?: TlsCredentials;
}

export interface ServerCompatResponse {
  readonly host: string;
  readonly port: number;
  readonly pemCert?: Uint8Array;
}

export const StreamType = {
  UNARY: 1,
  CLIENT_STREAM: 2,
  SERVER_STREAM: 3,
  HALF_DUPLEX_BIDI_STREAM: 4,
  FULL_DUPLEX_BIDI_STREAM: 5,
} as const;
export type StreamType = (typeof StreamType)[keyof typeof StreamType];

export const gzipCompression = 2;

/** When the caller cancels. Without any of these: when the requests have ended. */
export interface Cancel {
  readonly beforeCloseSend?: object;
  readonly afterCloseSendMs?: number;
  readonly afterNumResponses?: number;
}

/** A call that the client under test should make. */
export interface ClientCompatRequest {
  readonly testName: string;
  readonly compression: number;
  readonly host: string;
  readonly port: number;
  /** The certificate of the server, if it has one. */
  readonly serverTlsCert?: Uint8Array;
  readonly clientTlsCreds?: TlsCredentials;
  readonly method: string;
  readonly streamType: StreamType;
  readonly requestHeaders: readonly Header[];
  readonly requestMessages: readonly AnyMessage[];
  readonly timeoutMs?: number;
  readonly requestDelayMs?: number;
  readonly cancel?: Cancel;
}

export interface ClientResponseResult {
  readonly responseHeaders: readonly Header[];
  readonly payloads: readonly ConformancePayload[];
  readonly error: CallError | undefined;
  readonly responseTrailers: readonly Header[];
  readonly numUnsentRequests: number;
}

export type ClientCompatResponse = { readonly testName: string } & (
  | { readonly response: ClientResponseResult }
  | { readonly error: { readonly message: string } }
);
