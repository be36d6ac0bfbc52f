import type { Config } from '../../config/config.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Manifest } from './manifest.ts';

/**
 * Logs a warning if the last start on the data folder asked callers for tokens, and this one does not. Records which of both this
 * start does.
 */
export function warnOfDroppedTokens({ authJwks }: Config, manifest: Manifest, logger: Logger): void {
  const hasTokens = authJwks !== '';
  if (manifest.hadTokens && !hasTokens) logger.warn({ folder: manifest.folder }, dropped);
  manifest.recordTokens(hasTokens);
}

const dropped =
  'the last start on this folder asked callers for tokens, and this one does not: whoever reaches a listener may do ' +
  'everything, as anyone; if that is a mistake, stop it and set AUTH_JWKS, AUTH_ISSUER and AUTH_AUDIENCE again';
