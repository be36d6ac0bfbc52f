import type { Metrics } from '../metrics/metrics.ts';
import type { Authenticator } from '../security/authenticator.ts';
import { createAuthenticator } from '../security/identity/create-authenticator.ts';
import type { Wire } from '../security/identity/dropped-identity.ts';
import { MixedAuthentication } from '../security/identity/mixed-authentication.ts';
import { createIdentityWriter, type WriteIdentity } from '../security/identity/outbound-identity.ts';
import { createProcessSecret } from '../security/identity/process-secret.ts';
import type { ServerTrusts } from '../security/tls/server-trusts.ts';
import type { TokenVerifier } from '../security/token-verifier.ts';
import { openTokens } from '../security/tokens/open-tokens.ts';
import type { Runtime } from './service/service.ts';
import type { Shutdown } from './shutdown.ts';

/** How a process finds out who calls it, and how it says in its own calls who makes them. */
export interface Authentication {
  /** Returns what authenticates the calls that come in somewhere. */
  readonly authenticator: (wire: Wire) => Authenticator;
  readonly writeIdentity: WriteIdentity;
}

export interface AuthenticationOptions extends Pick<Runtime, 'config' | 'clock' | 'logger' | 'metrics'> {
  readonly trusts: ServerTrusts;
  readonly shutdown: Pick<Shutdown, 'add'>;
}

/**
 * Opens the authentication that the settings `AUTH_*` describe; `undefined`: anyone may call.
 * Rejects as `openTokens` does.
 */
export async function openAuthentication({
  config,
  trusts,
  shutdown,
  ...tools
}: AuthenticationOptions): Promise<Authentication | undefined> {
  const tokens = await openTokens(config, { ...tools, trust: trusts.ofOutside(config.authJwksCa) });
  if (tokens === undefined) return undefined;
  shutdown.add('resources', 'keys of tokens', async () => tokens.close());
  return createAuthentication(tokens, tools.metrics, new MixedAuthentication(tools.logger));
}

/**
 * Creates the authentication of a process whose callers have tokens. Its services know each other by a
 * secret of the process.
 */
export function createAuthentication(
  tokens: TokenVerifier,
  metrics: Metrics,
  mixed?: MixedAuthentication,
): Authentication {
  const secret = createProcessSecret();
  return {
    authenticator: (wire) => createAuthenticator({ tokens, secret, metrics, ...(mixed && { mixed }), wire }),
    writeIdentity: createIdentityWriter(secret),
  };
}
