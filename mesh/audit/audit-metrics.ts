import type { Metrics } from '../metrics/metrics.ts';
import type { CheckResult } from './audit.ts';

/** Shows how audits ended to those who watch the process. */
export interface AuditMetrics {
  checkEnded(result: CheckResult): void;
  auditEnded(endMs: number): void;
}

/** Makes the gauges; they have no values before the first audit. */
export function createAuditMetrics(metrics: Metrics): AuditMetrics {
  const help = 'How much a check found when it last ran: things that are not as they have to be.';
  const findings = metrics.gauge('ordermesh_audit_findings', help, ['check']);
  const failed = metrics.gauge(
    'ordermesh_audit_check_failed',
    'Whether a check could not be finished when it last ran (1), or was (0).',
    ['check'],
  );
  const end = metrics.gauge(
    'ordermesh_audit_last_end_time_seconds',
    'When the last audit of all checks ended, in seconds since 1970-01-01T00:00:00Z.',
    [],
  );
  return {
    checkEnded({ name: check, findings: found, error }) {
      failed.set({ check }, error === undefined ? 0 : 1);
      // What a check finds that could not be finished is more than nothing, but nothing is not known then.
      if (error === undefined || found > 0) findings.set({ check }, found);
    },
    auditEnded: (endMs) => end.set({}, endMs / 1_000),
  };
}
