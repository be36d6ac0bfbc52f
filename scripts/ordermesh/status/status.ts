import { Status, StatusServiceDefinition } from '#gen/ops/v1/status.ts';
import { exitCode } from '../../../examples/support/failures.ts';
import { type Command, printJson, readArgs, UsageError } from '../cli.ts';
import { attentionOf } from './attention.ts';
import { statusLines } from './status-text.ts';

const timeoutMs = 10_000;

/** Shows the status of the mesh. Exits with 1 if something needs attention. */
export const statusCommand: Command = {
  name: 'status',
  summary: 'show health, backlogs, sagas, dead letters, projections, the last audit, disk and versions',
  usage: `(no arguments)

What needs attention comes last, with what to do about it; the exit code is 1 then.`,
  async run(args, cli) {
    if (readArgs(args, {}).positionals.length > 0) throw new UsageError('status takes no arguments');
    const service = cli.client(StatusServiceDefinition);
    const status = await service.getStatus({}, { signal: AbortSignal.timeout(timeoutMs) });
    const nowMs = Date.now();
    const attention = attentionOf(status, nowMs);
    if (cli.json) printJson(cli, 'Status', Status, status);
    else for (const line of statusLines(status, attention, cli.address, nowMs)) cli.print(line);
    return attention.length > 0 ? exitCode.attention : exitCode.done;
  },
};
