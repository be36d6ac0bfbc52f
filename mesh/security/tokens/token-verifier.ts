import { compactVerify, errors } from 'jose';
import { networkOf } from '../../engines/network-of.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { createLineLimit } from '../../telemetry/line-limit.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { TokenVerifier } from '../token-verifier.ts';
import { checkClaims, type ExpectedClaims, type ExpiringSubject } from './check-claims.ts';
import { invalidToken } from './errors.ts';
import { KeyRing } from './key-ring.ts';
import type { KeySource } from './key-source.ts';
import { maxTokenBytes, readHeader } from './read-header.ts';
import { readPart } from './read-json.ts';
import { RefusedTokens } from './refused-tokens.ts';
import { TokenCache } from './token-cache.ts';
import { type RefusalKind, TokenRefusal } from './token-refusal.ts';
import { VerificationTurns } from './verification-turns.ts';

export interface TokenVerifierOptions extends ExpectedClaims {
  readonly keys: KeySource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A verifier that keeps its keys up to date until it is closed. */
export interface OpenTokenVerifier extends TokenVerifier {
  close(): void;
}

const maxCachedTokens = 10_000;

/**
 * Opens the verifier of bearer tokens: JSON Web Tokens (RFC 7519) signed with a key of the issuer. Rejects with
 * `KEY_SET_UNUSABLE` if a file with keys cannot be used; keys at a URL may come later.
 */
export async function openTokenVerifier(options: TokenVerifierOptions): Promise<OpenTokenVerifier> {
  const { keys: source, clock, logger, metrics } = options;
  const cache = new TokenCache(maxCachedTokens);
  const refusals = new RefusedTokens();
  const turns = new VerificationTurns();
  const pending = new Map<string, Promise<ExpiringSubject>>();
  let removals = 0;
  const onRemoved = () => {
    removals += 1;
    cache.clear();
    refusals.clear();
  };
  const ring = new KeyRing({ source, clock, logger, onRemoved });
  await ring.open();
  const refused = createRefusalReport(options);
  metrics
    .gauge('ordermesh_tokens_cached', 'Verified tokens that are in memory.', [])
    .collect(async () => [{ labels: {}, value: cache.size }]);

  async function verifyNow(token: string, peer: string | undefined): Promise<ExpiringSubject> {
    const seen = { kid: undefined as string | undefined, peer };
    const removed = removals;
    try {
      const known = refusals.get(token, clock.elapsedMs());
      if (known !== undefined) throw known;
      const { alg, kid, payload } = readHeader(token);
      seen.kid = kid;
      const key = await ring.find(kid);
      if (key === undefined) throw new TokenRefusal('unknown_key', 'names a key that the key set does not have');
      if (key.alg !== alg) throw new TokenRefusal('algorithm', `has the alg ${alg}, but its key is for ${key.alg}`);
      const verify = () => compactVerify(token, key.key, { algorithms: [alg] });
      await turns.run(peer === undefined ? '' : turnOf(peer), verify);
      const subject = checkClaims(readPart(payload, 'payload'), options, clock.now());
      // Its key may have left the set meanwhile.
      if (removed === removals) cache.set(token, subject);
      return subject;
    } catch (error) {
      const refusal = refusalOf(error);
      if (removed === removals) refusals.add(token, refusal, clock.elapsedMs());
      throw refused(refusal, seen);
    }
  }

  return {
    verify(token, peer) {
      const known = cache.get(token, clock.now());
      if (known !== undefined) return known;
      // Nobody's memory is to be filled by what is too large anyway.
      if (token.length > maxTokenBytes) return verifyNow(token, peer);
      const running = pending.get(token) ?? verifyNow(token, peer).finally(() => pending.delete(token));
      pending.set(token, running);
      return running;
    },
    close: () => ring.close(),
  };
}

/** Returns what takes turns together: the host of `host:port`, or its network. */
function turnOf(peer: string): string {
  const host = peer.slice(0, peer.lastIndexOf(':'));
  return networkOf(host) ?? host;
}

/** Returns why a token is refused. Throws what says nothing about the token. */
function refusalOf(error: unknown): TokenRefusal {
  if (error instanceof TokenRefusal) return error;
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return new TokenRefusal('signature', 'has a signature that is not of its key, or was changed');
  }
  if (error instanceof errors.JOSEError) return new TokenRefusal('malformed', `is malformed: ${error.message}`);
  throw error;
}

/** What is known of a token that is refused. */
interface SeenToken {
  readonly kid: string | undefined;
  /** `host:port` of its sender. */
  readonly peer: string | undefined;
}

const levelOf = (kind: RefusalKind) => (kind === 'expired' ? 'info' : 'warn');

/**
 * Returns a function that counts and logs a refusal, one line in 10 s for each kind, and returns the
 * error for the caller.
 */
function createRefusalReport({ clock, logger, metrics, issuer, audience }: TokenVerifierOptions) {
  const limit = createLineLimit(clock);
  const count = metrics.counter('ordermesh_tokens_refused_total', 'Bearer tokens that were not believed, by reason.', [
    'kind',
  ]);
  return ({ kind, message: problem }: TokenRefusal, seen: SeenToken): Error => {
    count.add({ kind });
    const line = limit(kind);
    const expected = { ...(kind === 'issuer' && { issuer }), ...(kind === 'audience' && { audience }) };
    if (line !== undefined) logger[levelOf(kind)]({ kind, problem, ...seen, ...expected, ...line }, 'token refused');
    return invalidToken({ isBearer: kind !== 'not_bearer' });
  };
}
