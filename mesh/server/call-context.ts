import type { CallContext } from 'nice-grpc-common';

/** What a handler knows of its call, beside what nice-grpc gives it. */
export interface CallDetails {
  /** When the answer must be there, in milliseconds since the epoch: the caller's deadline, or the method's default. */
  readonly deadlineMs: number | undefined;
  /** Milliseconds left until the deadline, 0 when it is over, `Infinity` without one. */
  remainingMs(): number;
  /** From `x-request-id`, or made by the server; also in every line of the log that the call writes. */
  readonly requestId: string;
  /** Whether the request message last given came compressed; `undefined` where the engine does not say (grpc-js). */
  readonly requestCompressed: boolean | undefined;
  /**
   * Whether replies are compressed from the next on, for a caller who takes that: a generator may set it before each
   * `yield`. Default `false`. On grpc-js it has no effect.
   */
  compressReplies: boolean;
  /**
   * Resolves as `wait` does. For handlers of streams, around what waits for a change and not for work, as for the next event:
   * meanwhile others may work in their place. Waiting for a message of the peer, and for it to read, is always so.
   */
  readonly idle: Idle;
}

/** Waits for what is not work. */
export type Idle = <T>(wait: () => Promise<T>) => Promise<T>;

/** The context of a call on the server: nice-grpc's, with the deadline and the request id. */
export type MeshCallContext = CallContext & CallDetails;
