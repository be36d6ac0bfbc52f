import type { Metrics } from '../../metrics/metrics.ts';
import { createLineLimit } from '../../telemetry/line-limit.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { ExpectedClaims } from './check-claims.ts';
import { invalidToken } from './errors.ts';
import type { RefusalKind, TokenRefusal } from './token-refusal.ts';

export interface RefusalReportOptions extends Pick<ExpectedClaims, 'issuer' | 'audience'> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** What is known of a token that is refused. */
export interface SeenToken {
  readonly kid: string | undefined;
  /** `host:port` of its sender. */
  readonly peer: string | undefined;
}

/** Counts and logs which tokens are refused: one line in 10 s for each kind. */
export interface RefusalReport {
  /** Returns the error for the caller. */
  for(refusal: TokenRefusal, seen: SeenToken): Error;
  /** A token of `peer` was not verified, because too many others wait for that. */
  forTooMany(peer: string | undefined): void;
}

const levelOf = (kind: RefusalKind) => (kind === 'expired' ? 'info' : 'warn');

export function createRefusalReport({ clock, logger, metrics, issuer, audience }: RefusalReportOptions): RefusalReport {
  const limit = createLineLimit(clock);
  const count = metrics.counter('ordermesh_tokens_refused_total', 'Bearer tokens that were not believed, by reason.', [
    'kind',
  ]);
  return {
    for({ kind, message: problem }, seen) {
      count.add({ kind });
      const line = limit(kind);
      const expected = { ...(kind === 'issuer' && { issuer }), ...(kind === 'audience' && { audience }) };
      if (line !== undefined) logger[levelOf(kind)]({ kind, problem, ...seen, ...expected, ...line }, 'token refused');
      return invalidToken({ isBearer: kind !== 'not_bearer' });
    },
    forTooMany(peer) {
      const kind = 'too_many';
      count.add({ kind });
      const line = limit(kind);
      if (line !== undefined) logger.warn({ kind, peer, ...line }, 'too many new tokens wait for their verification');
    },
  };
}
