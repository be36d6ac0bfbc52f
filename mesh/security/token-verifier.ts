/** Whom a token names. */
export interface VerifiedSubject {
  /** The `sub` of the token: 1 to 128 visible ASCII characters. */
  readonly subject: string;
  /** The roles that the issuer gave the subject, such as `operator`; at most 32. */
  readonly roles: readonly string[];
  /**
   * When the token is no longer believed, in milliseconds since the epoch: its `exp` and the permitted
   * clock skew.
   */
  readonly expiresMs: number;
}

/** Who sends a token. */
export interface TokenSender {
  /** `host:port`. Default: not known. */
  readonly peer?: string | undefined;
  /** Whether the call has ended, so nobody waits for the verification. */
  readonly isOver?: boolean | undefined;
}

/** Decides which tokens to believe. */
export interface TokenVerifier {
  /**
   * Returns whom `token` (the text after `Bearer `) names: a promise for one that was not verified before, or if keys
   * have to be fetched. Throws UNAUTHENTICATED `INVALID_TOKEN` if it cannot be believed: the log says why, the caller
   * does not learn it. Throws UNAVAILABLE `KEYS_UNAVAILABLE` if no keys can be had, and RESOURCE_EXHAUSTED
   * `TOO_MANY_TOKENS` if too many other tokens of the sender's address, or in all, wait for their verification.
   */
  verify(token: string, sender?: TokenSender): VerifiedSubject | Promise<VerifiedSubject>;
}
