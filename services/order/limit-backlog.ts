import type { SagaEngine } from '#mesh';
import { tooManyOrders } from './errors.ts';

/** Refuses an order while those that are not finished are as many as can be worked off in five minutes. */
export type LimitBacklog = () => Promise<void>;

export function createLimitBacklog(sagas: SagaEngine): LimitBacklog {
  return async () => {
    const backlog = await sagas.backlog();
    if (backlog.retryAfterMs <= 0) return;
    // Up to a fifth later, so callers that were refused together do not come back together.
    const retryAfterMs = Math.round(backlog.retryAfterMs * (1 + 0.2 * Math.random()));
    throw tooManyOrders({ ...backlog, retryAfterMs }, { retryAfterMs });
  };
}
