import type { MeshError } from '../errors/mesh-error.ts';

/** Why a server host ends a connection. The values of a metric's label, so they do not change. */
export const connectionEndReasons = [
  'too_many_connections',
  'too_many_of_address',
  'too_many_handshakes',
  'tls_handshake',
  'tls_no_certificate',
  'tls_untrusted',
  'tls_expired',
  'tls_revoked',
  'tls_identity',
  'not_http2',
  'no_settings',
  'slow_headers',
  'no_ping_answer',
  'too_many_pings',
  'too_many_resets',
  'too_many_faults',
  'too_many_idle_frames',
  'unread_answers',
  'protocol_error',
  'internal_error',
] as const;
export type ConnectionEndReason = (typeof connectionEndReasons)[number];

/** A connection that a server host ended. */
export interface ConnectionEnd<Reason extends string = ConnectionEndReason> {
  /** `host:port` of the client; `unknown` if it was gone already. */
  readonly peer: string;
  readonly reason: Reason;
  /** The service that the client's certificate names, if it is known. */
  readonly service?: string | undefined;
  /** What the client did. */
  readonly problem: string;
  /** What happened on the connection, by what is counted. */
  readonly counts?: Readonly<Record<string, number>>;
  /** What was thrown, if this side is at fault. */
  readonly cause?: unknown;
}

/** Why a server host refuses a call before its handler. The values of a metric's label, so they do not change. */
export const callRefusalReasons = [
  'unknown_method',
  'method_not_allowed',
  'unsupported_media_type',
  'malformed_fields',
  'malformed_timeout',
  'metadata_too_large',
  'unknown_encoding',
  'too_many_streams',
  'message_too_large',
  'too_much_unfinished',
  'request_incomplete',
  'malformed_request',
  'wrong_request_count',
  'undecompressable',
  'undecodable_message',
] as const;
export type CallRefusalReason = (typeof callRefusalReasons)[number];

/** Why a call is refused, and what its caller gets. */
export interface CallRefusal {
  readonly reason: CallRefusalReason;
  readonly error: MeshError;
}

/** A call that a server host refused. */
export interface RefusedCall {
  /** `host:port` of the client. */
  readonly peer: string;
  /** Empty if it is unknown. */
  readonly path: string;
  readonly reason: CallRefusalReason;
}

/** Is notified of what a server host does to its clients. It must not throw. */
export interface HostObserver {
  connectionEnded(end: ConnectionEnd): void;
  callRefused(call: RefusedCall): void;
}

/** The observer of a host that has none. */
export const noObserver: HostObserver = { connectionEnded: () => undefined, callRefused: () => undefined };
