import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import type { StartedProcess } from '../../test/support/start-process.ts';

/** Audits a mesh and resolves with how much it found, which it tells. Rejects when a check could not be finished. */
export async function countFindings({ client }: StartedProcess): Promise<number> {
  let findings = 0;
  let checks = 0;
  for await (const { report } of client(AuditServiceContract).runAudit({})) {
    if (report?.$case === 'check') {
      const { name, error } = report.value;
      if (error !== '') throw new Error(`the check ${name} could not be finished: ${error}`);
      checks += 1;
    }
    if (report?.$case === 'finding') {
      findings += 1;
      console.error(`audit: ${report.value.check}: ${report.value.reason}: ${report.value.message}`);
    }
  }
  if (checks === 0) throw new Error('the mesh was asked for an audit and made no check');
  return findings;
}
