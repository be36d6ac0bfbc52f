import { compactVerify, errors } from 'jose';
import type { Metrics } from '../../metrics/metrics.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { TokenSender, TokenVerifier } from '../token-verifier.ts';
import { checkClaims, type ExpectedClaims, type ExpiringSubject } from './check-claims.ts';
import { tooManyTokens } from './errors.ts';
import { KeyRing } from './key-ring.ts';
import type { KeySource } from './key-source.ts';
import { maxTokenBytes, readHeader } from './read-header.ts';
import { readPart } from './read-json.ts';
import { createRefusalReport } from './refusal-report.ts';
import { RefusedTokens } from './refused-tokens.ts';
import { TokenCache } from './token-cache.ts';
import { TokenRefusal } from './token-refusal.ts';
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

/** A token whose verification waits or is under way. */
interface PendingToken {
  /** Who sends it. */
  readonly senders: TokenSender[];
  readonly subject: Promise<ExpiringSubject>;
}

const maxCachedTokens = 10_000;
const nobody: TokenSender = {};

/**
 * Opens the verifier of bearer tokens: JSON Web Tokens (RFC 7519) signed with a key of the issuer. Rejects with
 * `KEY_SET_UNUSABLE` if a file with keys cannot be used; keys at a URL may come later.
 */
export async function openTokenVerifier(options: TokenVerifierOptions): Promise<OpenTokenVerifier> {
  const { keys: source, clock, logger, metrics } = options;
  const cache = new TokenCache(maxCachedTokens);
  const refusals = new RefusedTokens();
  const turns = new VerificationTurns(clock);
  const pending = new Map<string, PendingToken>();
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

  async function verifyNow(token: string, senders: readonly TokenSender[]): Promise<ExpiringSubject> {
    const [{ peer } = nobody] = senders;
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
      await turns.run(peer ?? '', verify, () => senders.every(({ isOver }) => isOver));
      const subject = checkClaims(readPart(payload, 'payload'), options, clock.now());
      // Its key may have left the set meanwhile.
      if (removed === removals) cache.set(token, subject);
      return subject;
    } catch (error) {
      if (tooManyTokens.is(error)) refused.forTooMany(peer);
      const refusal = refusalOf(error);
      if (refusal.kind === 'signature' && peer !== undefined) turns.suspect(peer);
      if (removed === removals) refusals.add(token, refusal, clock.elapsedMs());
      throw refused.for(refusal, seen);
    }
  }

  return {
    verify(token, sender = nobody) {
      const known = cache.get(token, clock.now());
      if (known !== undefined) return known;
      // Nobody's memory is to be filled by what is too large anyway.
      if (token.length > maxTokenBytes) return verifyNow(token, [sender]);
      const running = pending.get(token);
      if (running !== undefined) {
        running.senders.push(sender);
        return running.subject;
      }
      const senders = [sender];
      const subject = verifyNow(token, senders).finally(() => pending.delete(token));
      pending.set(token, { senders, subject });
      return subject;
    },
    close: () => ring.close(),
  };
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
