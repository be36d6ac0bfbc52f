import { type Config, ConfigError } from '../../config/config.ts';
import type { ServerTrust } from '../../config/server-trust.ts';
import type { ConfigFault } from '../../config/setting.ts';
import { fileSource, urlSource } from './key-source.ts';
import type { OpenTokenVerifier, TokenVerifierOptions } from './token-verifier.ts';

type AuthConfig = Pick<Config, 'authJwks' | 'authIssuer' | 'authAudience' | 'authClockSkewMs' | 'authRolesClaim'>;

export interface TokensOptions extends Pick<TokenVerifierOptions, 'clock' | 'logger' | 'metrics'> {
  /** How the server of `AUTH_JWKS` is checked. Default: by the authorities of Node. */
  readonly trust?: ServerTrust;
}

/**
 * Opens the verifier that the settings `AUTH_*` describe; `undefined`: there are no tokens. Rejects with a ConfigError
 * if only some of the settings are there, and with `KEY_SET_UNUSABLE` if the file of `AUTH_JWKS` cannot be used.
 */
export async function openTokens(
  config: AuthConfig,
  { trust, ...tools }: TokensOptions,
): Promise<OpenTokenVerifier | undefined> {
  const { authJwks: jwks, authIssuer: issuer, authAudience: audience } = config;
  const values = Object.entries({ AUTH_JWKS: jwks, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience });
  const missing = values.filter(([, value]) => value === '').map(([variable]) => variable);
  if (missing.length === values.length) return undefined;
  if (missing.length > 0) throw new ConfigError(missing.map(faultOf));
  const isUrl = /^https?:\/\//i.test(jwks);
  // Processes without tokens start without its package.
  const { openTokenVerifier } = await import('./token-verifier.ts');
  return await openTokenVerifier({
    ...tools,
    keys: isUrl ? urlSource(jwks, trust) : fileSource(jwks),
    issuer,
    audience,
    clockSkewMs: config.authClockSkewMs,
    rolesClaim: config.authRolesClaim,
  });
}

function faultOf(variable: string): ConfigFault {
  return { variable, problem: 'is not set: tokens need AUTH_JWKS, AUTH_ISSUER and AUTH_AUDIENCE' };
}
