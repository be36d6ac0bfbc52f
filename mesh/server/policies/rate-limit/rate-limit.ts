import type { Rate } from '../../../contract/contract.ts';
import { rateLimited } from '../../../errors/errors.ts';
import type { Metrics } from '../../../metrics/metrics.ts';
import type { Clock } from '../../../time/clock.ts';
import { CallRate } from './call-rate.ts';
import { type CallerParts, countedCaller } from './caller-key.ts';

/** The part of a call that decides whose it is. */
export interface RatedCall extends CallerParts {
  readonly path: string;
}

/** Limits how often each caller calls a method. */
export interface RateLimit {
  /** Throws RESOURCE_EXHAUSTED `RATE_LIMITED` if the caller has used up its rate. */
  admit(call: RatedCall): void;
}

export interface RateLimitTools {
  readonly clock: Clock;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics | undefined;
}

/** Many callers may have one address: behind a proxy, a gateway or a router. */
const addressFactor = 10;

/** Creates the limit of a method. */
export function createRateLimit(rate: Rate, method: string, { clock, metrics }: RateLimitTools): RateLimit {
  const callRate = new CallRate(rate);
  const refused = metrics?.counter(
    'ordermesh_calls_rate_limited_total',
    'Calls that were refused with RATE_LIMITED, by what their caller is known by.',
    ['method', 'by'],
  );
  for (const by of ['subject', 'service', 'address']) refused?.add({ method, by }, 0);
  return {
    admit(call) {
      const counted = countedCaller(call);
      if (counted === undefined) return;
      const factor = counted.by === 'address' ? addressFactor : 1;
      const waitMs = callRate.take(counted.key, clock.elapsedMs(), factor);
      if (waitMs === 0) return;
      refused?.add({ method, by: counted.by });
      throw rateLimited({ path: call.path, ...rate }, { retryAfterMs: Math.ceil(waitMs) });
    },
  };
}
