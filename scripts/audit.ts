import { type AuditCheck, type AuditReport, AuditServiceDefinition } from '#gen/ops/v1/audit.ts';
import { clients } from '../examples/support/clients.ts';
import { escapeControls } from './support/format.ts';
import { exitFailed, readArgs, runTool } from './support/run-tool.ts';

// Runs an audit of a mesh. Exits with 0 if nothing was found, with 1 if something was found, and with 2 if the audit
// failed or a check could not finish.

const usage = `[<check>...]   run these checks (default: all)
help           show this help

ADDRESS is the address of the mesh (default 127.0.0.1:50051)
`;

await runTool(usage, async (channel) => {
  const { positionals: checks } = readArgs(process.argv.slice(2), {});
  if (checks[0] === 'help') {
    console.log(usage.trimEnd());
    return 0;
  }
  return await printAudit(clients.create(AuditServiceDefinition, channel).runAudit({ checks }), console.log);
});

/** Prints findings and checks as they arrive, then a summary. Returns the exit code. */
async function printAudit(reports: AsyncIterable<AuditReport>, print: (line: string) => void): Promise<number> {
  let [checks, findings, unfinished] = [0, 0n, 0];
  for await (const { report } of reports) {
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
  print(summary(checks, findings, unfinished));
  if (findings > 0n) return 1;
  return unfinished > 0 ? exitFailed : 0;
}

function checkLine({ name, examined, findings, duration, error }: AuditCheck): string {
  const tookMs = Number(duration?.seconds ?? 0n) * 1_000 + Math.round((duration?.nanos ?? 0) / 1_000_000);
  const result = `${name}: ${count(findings, 'finding')}, ${examined} examined in ${tookMs} ms`;
  return error === '' ? result : `${result}; failed: ${error}`;
}

function summary(checks: number, findings: bigint, unfinished: number): string {
  const result = `${count(checks, 'check')}, ${count(findings, 'finding')}`;
  return unfinished === 0 ? result : `${result}; ${count(unfinished, 'check')} could not finish`;
}

function count(number: number | bigint, noun: string): string {
  return `${number} ${noun}${Number(number) === 1 ? '' : 's'}`;
}
