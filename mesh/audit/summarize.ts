import type { Clock } from '../time/clock.ts';
import type { Audit, AuditReport, CheckFinding, CheckResult } from './audit.ts';

const mostFindings = 100;

/** Reads an audit to its end and keeps of it what there is to show later. */
export async function summarize(reports: AsyncIterable<AuditReport>, clock: Clock): Promise<Audit> {
  const startMs = clock.now();
  const results: CheckResult[] = [];
  const findings: CheckFinding[] = [];
  for await (const report of reports) {
    if (report.kind === 'result') results.push(report.result);
    else if (findings.length < mostFindings) findings.push(report.finding);
  }
  return { startMs, endMs: clock.now(), results, findings };
}
