import { Status } from 'nice-grpc-common';
import { defineError } from '../../errors/define-error.ts';

/** The same for each reason why a token is refused. A sender who learns more learns how to forge. */
export const invalidToken = defineError({
  reason: 'INVALID_TOKEN',
  code: Status.UNAUTHENTICATED,
  means: 'the bearer token cannot be believed: it has expired, is of another issuer, for another audience, or forged',
  fix: 'get a new one; the log of the server has the reason, and the metric `ordermesh_tokens_refused_total` counts it',
  text: ({ isBearer }: { readonly isBearer: boolean }) =>
    isBearer
      ? 'the token is not valid: get a new one from its issuer'
      : 'the header authorization has no bearer token: send Bearer, a space and the token',
  metadata: () => ({}),
});

export const tooManyTokens = defineError({
  reason: 'TOO_MANY_TOKENS',
  code: Status.RESOURCE_EXHAUSTED,
  means:
    'too many tokens that the process has not seen before wait for their verification, in all or from the address of ' +
    'the caller',
  fix: 'retry after the delay of the error, with the same token',
  text: 'too many new tokens are being verified: retry later',
});

export const keysUnavailable = defineError({
  reason: 'KEYS_UNAVAILABLE',
  code: Status.UNAVAILABLE,
  means: 'no token can be verified: the keys of `AUTH_JWKS` could not be fetched since the start',
  fix: 'retry later; the log has the reason',
  text: 'the keys that verify tokens are not available: retry later',
});

export const keySetUnusable = defineError({
  reason: 'KEY_SET_UNUSABLE',
  code: Status.FAILED_PRECONDITION,
  means: 'the keys of `AUTH_JWKS` cannot be read. A running process continues with the last ones',
  fix: 'check the file or the URL: a JSON object with a list `keys` (RFC 7517)',
  seenIn: 'start',
  text: ({ source, problem }: { readonly source: string; readonly problem: string }) =>
    `key set ${source} cannot be used (${problem}): check AUTH_JWKS`,
  metadata: () => ({}),
});
