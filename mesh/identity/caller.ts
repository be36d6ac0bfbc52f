/** Who makes a call. */
export interface Caller {
  /**
   * The service that calls, as its certificate names it, such as `order`. `undefined`: the channel does not say, as for most
   * callers from outside.
   */
  readonly service: string | undefined;
  /** The user for whom the call is made: the `sub` of a token. `undefined`: none. */
  readonly subject: string | undefined;
  /** The roles of the subject, such as `operator`. Without a subject: none. */
  readonly roles: readonly string[];
  /** Whether a door of the mesh passes on the call for somebody outside, who is counted there. Default: no. */
  readonly isPassedOn?: boolean | undefined;
  /**
   * When the token that names the subject expires, in milliseconds since the epoch: a stream ends then. `undefined`: no
   * token was verified, so a service says for whom it calls.
   */
  readonly expiresMs?: number | undefined;
}

/** A caller about whom nothing is known. */
export const anonymous: Caller = { service: undefined, subject: undefined, roles: [] };
