import type { AuditCheck, AuditReport } from '../../gen/ts/ops/v1/audit.ts';
import { printable } from '../dead-letters/letter-text.ts';
import { exitCannotDo } from '../support/run-tool.ts';

/**
 * Prints a line for each finding and each check as they come, and at the end what that comes to. Resolves with 0 when
 * nothing was found, 1 when something was, and 2 when nothing was but not all checks could be finished.
 */
export async function printAudit(reports: AsyncIterable<AuditReport>, print: (line: string) => void): Promise<number> {
  let [checks, found, unfinished] = [0, 0n, 0];
  for await (const { report } of reports) {
    if (report?.$case === 'finding') {
      const { check, reason, ids, message } = report.value;
      print(printable(`${check} found ${[reason, ...ids].join(' ')}: ${message}`));
    }
    if (report?.$case === 'check') {
      checks += 1;
      found += report.value.findings;
      if (report.value.error !== '') unfinished += 1;
      print(printable(checkLine(report.value)));
    }
  }
  print(summary(checks, found, unfinished));
  if (found > 0n) return 1;
  return unfinished > 0 ? exitCannotDo : 0;
}

function checkLine({ name, examined, findings, duration, error }: AuditCheck): string {
  const tookMs = Number(duration?.seconds ?? 0n) * 1_000 + Math.round((duration?.nanos ?? 0) / 1_000_000);
  const counts = `${examined} examined, ${findings} found, in ${tookMs} ms`;
  return error === '' ? `${name}: ${counts}` : `${name}: ${counts}, but it could not be finished: ${error}`;
}

function summary(checks: number, found: bigint, unfinished: number): string {
  const ran = checks === 1 ? 'one check' : `${checks} checks`;
  const missing = unfinished === 0 ? '' : `; ${unfinished} of them could not be finished`;
  return `${found === 0n ? 'nothing' : found} found by ${ran}${missing}`;
}
