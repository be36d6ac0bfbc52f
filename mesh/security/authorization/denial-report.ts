import type { Metrics } from '../../metrics/metrics.ts';
import { createLineLimit } from '../../telemetry/line-limit.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { ReportDenial } from './method-access.ts';

/**
 * Counts refused calls, and logs what their callers would have needed, which these do not learn: one line in 10 s for
 * each method and kind of caller.
 */
export function createDenialReport({
  clock,
  logger,
  metrics,
}: {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Metrics | undefined;
}): ReportDenial {
  const counter = metrics?.counter(
    'ordermesh_calls_denied_total',
    'Calls that were refused because of who made them, by kind of caller: a service, a user or unknown.',
    ['caller'],
  );
  for (const kind of ['service', 'user', 'unknown']) counter?.add({ caller: kind }, 0);
  const limit = createLineLimit(clock);
  return ({ path, peer }, { service, subject, roles }, needs) => {
    const kind = subject ? 'user' : service === undefined ? 'unknown' : 'service';
    counter?.add({ caller: kind });
    const line = limit(`${kind} ${path}`);
    if (line === undefined) return;
    logger.info({ method: path, peer, service, subject, roles, needs, ...line }, 'call denied');
  };
}
