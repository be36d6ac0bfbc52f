import type { ConnectionLimits } from '../../engines/connection-limit.ts';
import type { Metrics } from '../../metrics/metrics.ts';

/** Shows how many connections are open, and how many may be. */
export function measureHttpConnections(metrics: Metrics, { all }: ConnectionLimits, count: () => number): void {
  metrics
    .gauge('ordermesh_http_connections_open', 'Open connections of HTTP clients.', [])
    .collect(async () => [{ labels: {}, value: count() }]);
  const limit = 'How many connections of HTTP clients may be open; further ones are closed.';
  metrics.gauge('ordermesh_http_connections_limit', limit, []).set({}, all);
}
