import { type ConnectionEnd, type ConnectionEndReason, connectionEndReasons } from '../../engines/host-observer.ts';
import { createEndReport, type HostReportDeps } from '../../server/host-report.ts';

const ownReasons = ['not_tls', 'headers_too_large', 'malformed_request', 'slow_request'] as const;

/** Why the HTTP listener ends a connection: the reasons of the gRPC listener, and its own. */
export type HttpEndReason = ConnectionEndReason | (typeof ownReasons)[number];

/**
 * What it has no use for: it speaks both versions of HTTP, asks for no certificates, and Node watches
 * the heads of HTTP/2.
 */
const unused: ReadonlySet<HttpEndReason> = new Set([
  'tls_no_certificate',
  'tls_untrusted',
  'tls_expired',
  'tls_revoked',
  'tls_identity',
  'not_http2',
  'slow_headers',
  'too_many_idle_frames',
]);
const httpEndReasons = [...connectionEndReasons, ...ownReasons].filter((reason) => !unused.has(reason));

/** Counts and logs the connections that the HTTP listener ends because of their clients. */
export function createHttpEndReport(deps: HostReportDeps): (end: ConnectionEnd<HttpEndReason>) => void {
  return createEndReport(deps, {
    reasons: httpEndReasons,
    metric: 'ordermesh_http_connections_ended_total',
    help: 'Connections that the HTTP listener ended because of their client, by reason.',
  });
}
