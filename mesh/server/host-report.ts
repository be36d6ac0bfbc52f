import {
  type CallRefusalReason,
  type ConnectionEnd,
  callRefusalReasons,
  connectionEndReasons,
  type HostObserver,
} from '../engines/host-observer.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createLineLimit } from '../telemetry/line-limit.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';

export interface HostReportDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Default: nothing is counted. */
  readonly metrics?: Metrics | undefined;
}

export interface EndReportOptions<Reason extends string> {
  /** All reasons there are; each is counted from 0. */
  readonly reasons: readonly Reason[];
  readonly metric: `ordermesh_${string}connections_ended_total`;
  readonly help: string;
}

export interface HostReport extends HostObserver {
  /** Counts a call that was refused for a fault of its request after its chain began; the access log has its line. */
  readonly countRefusal: (reason: CallRefusalReason) => void;
}

/**
 * Logs the connections that a server ends, one line in 10 s for each reason and service, and at `debug` the calls that
 * it refuses before their handler. Counts both by reason.
 */
export function createHostReport(deps: HostReportDeps): HostReport {
  const { logger, metrics } = deps;
  const connectionEnded = createEndReport(deps, {
    reasons: connectionEndReasons,
    metric: 'ordermesh_connections_ended_total',
    help: 'Connections that this server ended because of their client, by reason.',
  });
  const countRefusal = countByReason<CallRefusalReason>(callRefusalReasons, 'ordermesh_calls_refused_total', {
    help: 'Calls that were refused before they reached a handler, by reason.',
    metrics,
  });
  return {
    countRefusal,
    connectionEnded,
    callRefused({ peer, path, reason }) {
      countRefusal(reason);
      logger.debug({ peer, method: path, reason }, 'call refused');
    },
  };
}

/** Counts and logs the connections that a listener ends because of their clients: one line in 10 s for each reason. */
export function createEndReport<Reason extends string>(
  { clock, logger, metrics }: HostReportDeps,
  { reasons, metric, help }: EndReportOptions<Reason>,
): (end: ConnectionEnd<Reason>) => void {
  const countEnd = countByReason<Reason>(reasons, metric, { help, metrics });
  // A client that is ended connects again, and others may have the same fault.
  const limit = createLineLimit(clock);
  return ({ peer, service, reason, problem, counts, cause }) => {
    countEnd(reason);
    // There are few services, each of which is to be named.
    const line = limit(service === undefined ? reason : `${reason} ${service}`);
    if (line === undefined) return;
    const fields = { peer, ...(service !== undefined && { service }), reason, problem, ...counts, ...line };
    if (reason !== 'internal_error') logger.warn(fields, 'connection ended because of its client');
    else logger.error({ ...fields, err: cause }, 'connection ended because of a fault of this server');
  };
}

/** Makes a counter that has every reason from the start. */
function countByReason<Reason extends string>(
  reasons: readonly Reason[],
  name: EndReportOptions<Reason>['metric'] | 'ordermesh_calls_refused_total',
  { help, metrics }: { readonly help: string; readonly metrics: Metrics | undefined },
): (reason: Reason) => void {
  const counter = metrics?.counter(name, help, ['reason']);
  for (const reason of reasons) counter?.add({ reason }, 0);
  return (reason) => counter?.add({ reason });
}

/** Shows how many connections are open, and how many may be. */
export function measureConnections(metrics: Metrics, maxConnections: number, count: () => number): void {
  metrics
    .gauge('ordermesh_connections_open', 'Open connections of gRPC clients.', [])
    .collect(async () => [{ labels: {}, value: count() }]);
  const limit = 'How many connections of gRPC clients may be open; further ones are closed.';
  metrics.gauge('ordermesh_connections_limit', limit, []).set({}, maxConnections);
}
