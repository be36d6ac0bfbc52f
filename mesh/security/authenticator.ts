import type { Caller } from '../identity/caller.ts';
import type { TokenSender } from './token-verifier.ts';

/** What a call, of any wire, says about its caller. */
export interface Credentials extends TokenSender {
  /** The method: `/user.v1.UserService/GetUser`. Default: not known. */
  readonly path?: string | undefined;
  /** The service that the peer's certificate names; `undefined` without a certificate. */
  readonly peerService?: string | undefined;
  /**
   * One text value of the metadata or of the headers, by its lower-case name. Several are joined by `, `, which
   * is no valid one.
   */
  textMetadata(key: string): string | undefined;
}

/** Finds out who makes a call. */
export interface Authenticator {
  /**
   * Returns who makes it; `anonymous` without credentials. A promise only if keys have to be fetched first. Throws
   * UNAUTHENTICATED `INVALID_TOKEN` if a token cannot be believed: the log says why, the caller does not learn it.
   * Throws UNAVAILABLE `KEYS_UNAVAILABLE` if no keys can be had.
   */
  authenticate(credentials: Credentials): Caller | Promise<Caller>;
}
