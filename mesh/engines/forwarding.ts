import type { Status } from 'nice-grpc-common';

/** The connections of one endpoint over which calls are forwarded. Opaque to everyone but the engine that made it. */
export interface RawEndpoint {
  readonly address: string;
  /** Opens no further calls, and closes when the open ones have ended. */
  close(): void;
  /** Closes now: the open calls are lost. For a server that no longer answers. */
  abort(): void;
}

/** A call of a server host whose path has no method there, and that is forwarded as bytes. */
export interface ForwardedCall {
  /** `/user.v1.UserService/GetUser`. */
  readonly path: string;
  /** `host:port` of the caller. */
  readonly peer: string;
  /** The service that its certificate names. */
  readonly peerService?: string | undefined;
  /** The caller's `x-request-id`, or a new one, which the endpoint gets. */
  readonly requestId: string;
  /** The caller's deadline, in milliseconds since the epoch; `undefined` if it set none. */
  readonly deadlineMs: number | undefined;
  /** Whether it has ended, so nobody waits for its reply. */
  readonly isOver: boolean;
  /** Bytes of its request that have arrived. */
  readonly requestBytes: number;
  /** Bytes of its reply that have arrived. */
  readonly replyBytes: number;
  /** Whether its caller has not read what has arrived of the reply. */
  readonly waitsForReader: boolean;
  /** One text value of its metadata. */
  textMetadata(key: string): string | undefined;
  /** Ends it with `error`, unless it has ended. */
  fail(error: unknown): void;
}

/** How a forwarded call ended. */
export interface ForwardedEnd {
  /** The code that the caller got; CANCELLED if it left. */
  readonly code: Status;
  /** Why an endpoint refused it with RESOURCE_EXHAUSTED; `undefined` if it does not say. */
  readonly reason?: string | undefined;
  /** Whether no endpoint has begun it. */
  readonly unprocessed: boolean;
  /** The error for which it ended here; `undefined` if its reply came from an endpoint, or its caller left. */
  readonly error: unknown;
}

/**
 * How a caller repeats a call that may have been begun: `change` has a side effect and no `request_id`, and of `unknown` the
 * method is not known.
 */
export type Repetition = 'read' | 'by-request-id' | 'change' | 'stream' | 'unknown';

/** Fields of a request that an endpoint gets other than they were sent. */
export interface FieldChanges {
  readonly removed: ReadonlySet<string>;
  /** Names and values, in turn. */
  readonly added: readonly string[];
}

/** Decides what happens to one forwarded call. */
export interface Forwarding {
  readonly repetition: Repetition;
  /**
   * Whether the request is received before the call is admitted, up to 64 KiB of it, so a caller that sends slowly occupies
   * nothing.
   */
  readonly collectsRequest: boolean;
  /**
   * What each endpoint gets in place of what the caller sent; read when the call is opened. Default: all that was sent.
   */
  readonly changes?: FieldChanges | undefined;
  /** Called once, before the first endpoint. Resolves when the call may be opened; rejects with the reason to refuse it. */
  admit(): Promise<void>;
  /**
   * Returns the endpoint for the next opening. It is called again only while no server has begun the call; `problem` is why
   * the last endpoint did not. Throws a MeshError if none is left.
   */
  next(problem: string | undefined): RawEndpoint;
  /** The endpoint does not have the method. Returns whether another one may have it: then `next` is called. */
  misses(): boolean;
  /** The header of the reply has arrived. */
  answered(): void;
  /** Called once, also if it was never admitted. */
  ended(end: ForwardedEnd): void;
}

/** Forwards the calls of a server host whose paths have no methods. */
export interface Forwarder {
  /** Called once per call, when its head has arrived. `undefined`: the path is unknown. Throws a MeshError to refuse the call. */
  begin(call: ForwardedCall): Forwarding | undefined;
}
