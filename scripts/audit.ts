import { clients } from '../examples/support/clients.ts';
import { AuditServiceDefinition } from '../gen/ts/ops/v1/audit.ts';
import { printAudit } from './audit/print-audit.ts';
import { readArgs } from './support/read-args.ts';
import { runTool } from './support/run-tool.ts';

// Has a mesh look whether everything is as it has to be. Exits with 0 when nothing was found, with 1 when something was,
// with 2 when that could not be found out.

const usage = `[<check>...]   runs these checks; all when none is named
help           shows this

ADDRESS says where the mesh is (default 127.0.0.1:50051)
`;

await runTool(usage, async (channel) => {
  const { positionals: checks } = readArgs(process.argv.slice(2), {});
  if (checks[0] === 'help') {
    console.log(usage.trimEnd());
    return 0;
  }
  return await printAudit(clients.create(AuditServiceDefinition, channel).runAudit({ checks }), console.log);
});
