import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import type { StartedProcess } from '../../mesh/testing/servers/start-process.ts';

/** Audits a mesh, prints the findings and returns their number. Throws if a check could not finish. */
export async function countFindings({ client }: StartedProcess): Promise<number> {
  let findings = 0;
  let checks = 0;
  for await (const { report } of client(AuditServiceContract).runAudit({})) {
    if (report?.$case === 'check') {
      const { name, error } = report.value;
      if (error !== '') throw new Error(`check ${name} could not finish: ${error}`);
      checks += 1;
    }
    if (report?.$case === 'finding') {
      findings += 1;
      console.error(`audit: ${report.value.check}: ${report.value.reason}: ${report.value.message}`);
    }
  }
  if (checks === 0) throw new Error('the audit ran no checks');
  return findings;
}
