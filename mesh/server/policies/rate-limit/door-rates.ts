import type { Rate } from '../../../contract/contract.ts';
import { createRateLimit, type RatedCall, type RateLimit, type RateLimitTools } from './rate-limit.ts';

/**
 * The rates of methods where calls come in from outside of the mesh. Services count subjects, through whichever door they
 * come. All other callers are counted here: a service sees the address of the door only.
 */
export class DoorRates {
  readonly #tools: RateLimitTools;
  readonly #limits = new Map<string, RateLimit>();

  constructor(tools: RateLimitTools) {
    this.#tools = tools;
  }

  /** Throws RESOURCE_EXHAUSTED `RATE_LIMITED` if the caller has used up the rate of the method. */
  admit(call: RatedCall, rate: Rate | undefined): void {
    if (rate === undefined || call.caller?.subject !== undefined) return;
    let limit = this.#limits.get(call.path);
    if (limit === undefined) {
      limit = createRateLimit(rate, call.path, this.#tools);
      this.#limits.set(call.path, limit);
    }
    limit.admit(call);
  }
}
