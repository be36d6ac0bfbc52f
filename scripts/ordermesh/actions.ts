import { ActionServiceDefinition, OperatorAction } from '#gen/ops/v1/action.ts';
import { exitCode } from '../../examples/support/failures.ts';
import { escapeControls, formatTable } from '../support/format.ts';
import { type Command, printJson, readArgs, UsageError } from './cli.ts';

/** Lists what operators and admins changed. */
export const actionsCommand: Command = {
  name: 'actions',
  summary: 'list what operators and admins changed, where calls are authenticated',
  usage: `                          list all, oldest first
--by <user>               only those of this user
--after <id>              only later ones`,
  async run(args, cli) {
    const { values, positionals } = readArgs(args, { by: { type: 'string' }, after: { type: 'string' } });
    if (positionals.length > 0) throw new UsageError('actions takes no arguments without a name');
    const { by: subject = '', after: afterId = '' } = values;
    const found = await Array.fromAsync(cli.client(ActionServiceDefinition).listOperatorActions({ subject, afterId }));
    if (cli.json) for (const action of found) printJson(cli, 'OperatorAction', OperatorAction, action);
    else if (found.length === 0) cli.print('no actions');
    else for (const line of actionTable(found)) cli.print(line);
    return exitCode.done;
  },
};

function actionTable(actions: readonly OperatorAction[]): string[] {
  const rows = actions.map(({ time, subject, roles, service, method, reason, outcome }) =>
    [
      time?.toISOString() ?? '-',
      `${subject} (${roles.join(', ')})`,
      service,
      method.slice(method.lastIndexOf('/') + 1),
      outcome || 'not known',
      reason || '-',
    ].map(escapeControls),
  );
  return formatTable([['TIME', 'WHO', 'SERVICE', 'WHAT', 'OUTCOME', 'WHY'], ...rows]);
}
