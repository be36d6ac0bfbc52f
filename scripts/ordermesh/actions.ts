import { ActionServiceDefinition, OperatorAction } from '#gen/ops/v1/action.ts';
import { exitCode } from '../../examples/support/failures.ts';
import { cutText } from '../../mesh/errors/error-text.ts';
import { escapeControls, formatTable } from '../support/format.ts';
import { type Command, printJson, readArgs, UsageError } from './cli.ts';

const maxFieldsBytes = 60;

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
  const rows = actions.map(({ time, subject, roles, service, method, request, reason, outcome }) =>
    [
      time?.toISOString() ?? '-',
      `${subject} (${roles.join(', ')})`,
      service,
      method.slice(method.lastIndexOf('/') + 1),
      cutText(fieldsOf(request), maxFieldsBytes) || '-',
      outcome || 'not known',
      reason || '-',
    ].map(escapeControls),
  );
  return formatTable([['TIME', 'WHO', 'SERVICE', 'WHAT', 'WITH', 'OUTCOME', 'WHY'], ...rows]);
}

/** The fields of a request in JSON that are set, without those that have a column: `ids=letter-1,letter-2`. */
function fieldsOf(request: string): string {
  const fields = parse(request);
  // A long request was cut.
  if (fields === undefined) return request;
  return Object.entries(fields)
    .filter(([name]) => !['reason', 'note', 'requestId'].includes(name))
    .flatMap(([name, value]) => {
      const text = Array.isArray(value) ? value.map(textOf).join(',') : textOf(value);
      return ['', 'false', '0', 'null'].includes(text) ? [] : [`${name}=${text}`];
    })
    .join(' ');
}

function parse(request: string): object | undefined {
  try {
    const value: unknown = JSON.parse(request);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
