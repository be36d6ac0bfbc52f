import type { AuditServiceImplementation } from '#gen/ops/v1/audit.ts';
import type { Auditor, MeshCallContext } from '#mesh';
import { noAuditYet } from '../errors.ts';
import { auditToProto, reportToProto } from './audit-proto.ts';

/** The handlers of `ops.v1.AuditService`. An audit ends when its process begins to. */
export function createAuditRpc(auditor: Auditor, draining: AbortSignal): AuditServiceImplementation<MeshCallContext> {
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
