import type {
  Audit as AuditMessage,
  AuditFinding as FindingMessage,
  AuditReport as ReportMessage,
  AuditCheck as ResultMessage,
} from '#gen/ops/v1/audit.ts';
import { type Audit, type Auditor, type AuditReport, type CheckFinding, type CheckResult, cutText } from '#mesh';
import type { OpsPart } from '../ops-part.ts';

export interface AuditDeps {
  readonly auditor: Auditor;
  /** Returns the names of the checks of its services; the others are about the files of the process. */
  readonly ofServices: () => readonly string[];
  /** Aborts when the process drains. */
  readonly draining: AbortSignal;
}

/** Runs the checks of this process. An audit is cancelled when the process drains. */
export function localAudits({
  auditor,
  ofServices,
  draining,
}: AuditDeps): Pick<OpsPart, 'listChecks' | 'runAudit' | 'getLastAudit'> {
  return {
    listChecks: async () => auditor.checks.map((name) => ({ name, ofProcess: !ofServices().includes(name) })),

    async *runAudit(names, { signal }) {
      const reports = auditor.run(names, AbortSignal.any([signal, draining]));
      for await (const report of reports) yield reportToProto(report);
    },

    async getLastAudit() {
      const audit = await auditor.last();
      return audit && auditToProto(audit);
    },
  };
}

function reportToProto(report: AuditReport): ReportMessage {
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

// GetLastAudit returns 100 findings in one message, and callers accept 4 MiB.
const maxIds = 200;
const maxMessageBytes = 4_000;

function findingToProto({ check, reason, ids, message }: CheckFinding): FindingMessage {
  return { check, reason, ids: ids.slice(0, maxIds), message: cutText(message, maxMessageBytes) };
}

function resultToProto({ name, examined, findings, durationMs, error = '' }: CheckResult): ResultMessage {
  return {
    name,
    examined: BigInt(examined),
    findings: BigInt(findings),
    duration: durationToProto(durationMs),
    error,
  };
}

export function durationToProto(durationMs: number): { readonly seconds: bigint; readonly nanos: number } {
  const [seconds, restMs] = [Math.floor(durationMs / 1_000), durationMs % 1_000];
  return { seconds: BigInt(seconds), nanos: Math.round(restMs * 1_000_000) };
}
