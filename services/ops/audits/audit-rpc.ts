import type { AuditServiceHandlers } from '#gen/ops/v1/audit.contract.ts';
import type { Auditor } from '#mesh';
import { noAuditYet } from '../errors.ts';
import { auditToProto, reportToProto } from './audit-proto.ts';

/** Implements `ops.v1.AuditService`. An audit is cancelled when the process drains. */
export function createAuditRpc(auditor: Auditor, draining: AbortSignal): AuditServiceHandlers {
  return {
    async *runAudit({ checks }, { signal }) {
      const reports = auditor.run(checks, AbortSignal.any([signal, draining]));
      for await (const report of reports) yield reportToProto(report);
    },

    async getLastAudit() {
      const audit = auditor.last();
      if (!audit) throw noAuditYet();
      return auditToProto(audit);
    },
  };
}
