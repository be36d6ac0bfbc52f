import type {
  Audit as AuditMessage,
  AuditFinding as FindingMessage,
  AuditReport as ReportMessage,
  AuditCheck as ResultMessage,
} from '#gen/ops/v1/audit.ts';
import type { Audit, AuditReport, CheckFinding, CheckResult } from '#mesh';

export function reportToProto(report: AuditReport): ReportMessage {
  if (report.kind === 'finding') return { report: { $case: 'finding', value: findingToProto(report.finding) } };
  return { report: { $case: 'check', value: resultToProto(report.result) } };
}

export function auditToProto({ startMs, endMs, results, findings }: Audit): AuditMessage {
  return {
    startTime: new Date(startMs),
    endTime: new Date(endMs),
    checks: results.map(resultToProto),
    findings: findings.map(findingToProto),
  };
}

function findingToProto({ check, reason, ids, message }: CheckFinding): FindingMessage {
  return { check, reason, ids: [...ids], message };
}

function resultToProto({ name, examined, findings, durationMs, error = '' }: CheckResult): ResultMessage {
  const [seconds, restMs] = [Math.floor(durationMs / 1_000), durationMs % 1_000];
  return {
    name,
    examined: BigInt(examined),
    findings: BigInt(findings),
    duration: { seconds: BigInt(seconds), nanos: Math.round(restMs * 1_000_000) },
    error,
  };
}
