import { anonymous, type Caller } from '../../identity/caller.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Authenticator, Credentials } from '../authenticator.ts';
import type { TokenVerifier, VerifiedSubject } from '../token-verifier.ts';
import { bearerToken } from './bearer-token.ts';
import { createDropCounter, type Wire } from './dropped-identity.ts';
import { hasIdentity, isPassedOn, readExpiry, readService, readSubject, secretOf } from './identity-metadata.ts';
import type { MixedAuthentication } from './mixed-authentication.ts';
import type { ProcessSecret } from './process-secret.ts';

export interface AuthenticatorOptions {
  /** Decides which tokens to believe. */
  readonly tokens: TokenVerifier;
  /** What the services of this process send with their calls of each other. */
  readonly secret: ProcessSecret;
  readonly metrics: Metrics;
  /** Notices services whose processes do not authenticate calls. Default: nobody does. */
  readonly mixed?: Pick<MixedAuthentication, 'checkCaller'>;
  /** Where the calls come in, for the metric. Default: `grpc`. */
  readonly wire?: Wire;
}

/**
 * Creates what finds out who makes a call. The service is what the certificate of the channel names, or, with the secret of
 * this process, the one that the call names. The subject is that of the token; without a token, the one on whose behalf such a
 * service calls. A call from outside that a service passes on has no service. What callers from outside say about themselves
 * otherwise is dropped and counted.
 */
export function createAuthenticator({
  tokens,
  secret,
  metrics,
  mixed,
  wire = 'grpc',
}: AuthenticatorOptions): Authenticator {
  const countDropped = createDropCounter(metrics);

  /** The service that calls; `undefined` if the channel proves none. */
  const serviceOf = (credentials: Credentials): string | undefined => {
    const given = secretOf(credentials);
    const isOwn = given !== undefined && secret.matches(given);
    if (!isOwn) mixed?.checkCaller(credentials);
    return (isOwn ? readService(credentials) : undefined) ?? credentials.peerService;
  };

  return {
    authenticate(credentials) {
      const channel = serviceOf(credentials);
      if (channel === undefined && hasIdentity(credentials)) countDropped(wire);
      // What a service passes on is no call of its own, so it must not have the rights of that service.
      const passedOn = channel !== undefined && isPassedOn(credentials);
      const service = passedOn ? undefined : channel;
      const token = bearerToken(credentials.textMetadata('authorization'));
      if (token === undefined) {
        if (channel === undefined) return anonymous;
        return {
          service,
          ...readSubject(credentials),
          ...(passedOn && { isPassedOn: true, ...readExpiry(credentials) }),
        };
      }
      const callerOf = (verified: VerifiedSubject): Caller => ({ service, ...verified });
      const verified = tokens.verify(token, credentials);
      return verified instanceof Promise ? verified.then(callerOf) : callerOf(verified);
    },
  };
}
