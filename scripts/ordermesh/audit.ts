import { type AuditCheck, AuditReport, AuditServiceDefinition } from '#gen/ops/v1/audit.ts';
import { type ExitCode, exitCode } from '../../examples/support/failures.ts';
import { withCommandsHere } from '../../mesh/errors/commands-here.ts';
import { escapeControls } from '../support/format.ts';
import { type Cli, type Command, count, printJson, readArgs } from './cli.ts';

/** Runs an audit. Exits with 1 if something was found or a check could not finish. */
export const auditCommand: Command = {
  name: 'audit',
  summary: 'check that all data is consistent',
  usage: '[<check>...]   run these checks (default: all)',
  async run(args, cli) {
    const { positionals: checks } = readArgs(args, {});
    return await printAudit(cli.client(AuditServiceDefinition).runAudit({ checks }), cli);
  },
};

/** Prints findings and checks as they arrive, then a summary. Returns the exit code. */
async function printAudit(reports: AsyncIterable<AuditReport>, cli: Cli): Promise<ExitCode> {
  const print = cli.json ? () => undefined : cli.print;
  let [checks, findings, unfinished] = [0, 0n, 0];
  for await (const message of reports) {
    const report = withTextHere(message.report);
    if (cli.json) printJson(cli, 'AuditReport', AuditReport, { report });
    if (report?.$case === 'finding') {
      const { check, reason, ids, message } = report.value;
      print(escapeControls(`${check} found ${[reason, ...ids].join(' ')}: ${message}`));
    }
    if (report?.$case === 'check') {
      checks += 1;
      findings += report.value.findings;
      if (report.value.error !== '') unfinished += 1;
      print(escapeControls(checkLine(report.value)));
    }
  }
  print(auditSummary({ checks, findings, unfinished }));
  return findings > 0n || unfinished > 0 ? exitCode.attention : exitCode.done;
}

/** A report whose text names commands that work here. */
function withTextHere(report: AuditReport['report']): AuditReport['report'] {
  if (report?.$case === 'finding')
    return { ...report, value: { ...report.value, message: withCommandsHere(report.value.message) } };
  if (report?.$case === 'check')
    return { ...report, value: { ...report.value, error: withCommandsHere(report.value.error) } };
  return report;
}

function checkLine({ name, examined, findings, duration, error }: AuditCheck): string {
  const tookMs = Number(duration?.seconds ?? 0n) * 1_000 + Math.round((duration?.nanos ?? 0) / 1_000_000);
  const result = `${count(findings, 'finding')}, ${examined} examined`;
  return error === ''
    ? `${name}: ${result} in ${tookMs} ms`
    : `${name}: FAILED after ${tookMs} ms: ${error} (until then: ${result})`;
}

interface AuditCounts {
  readonly checks: number;
  readonly findings: bigint;
  readonly unfinished: number;
}

/** `5 checks, 0 findings`. What could not finish comes first: without it the findings mean little. */
export function auditSummary({ checks, findings, unfinished }: AuditCounts): string {
  const found = count(findings, 'finding');
  return unfinished === 0
    ? `${count(checks, 'check')}, ${found}`
    : `${unfinished} of ${count(checks, 'check')} could not finish; ${found}`;
}
