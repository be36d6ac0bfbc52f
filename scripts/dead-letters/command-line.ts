import { type DeadLetterFilter, DeadLetterSource } from '../../gen/ts/ops/v1/ops.ts';
import { readArgs } from '../support/read-args.ts';
import { UsageError } from '../support/run-tool.ts';

/** What was asked for. */
export type Command =
  | { readonly name: 'help' }
  | { readonly name: 'list'; readonly filter: DeadLetterFilter }
  | { readonly name: 'show'; readonly id: string }
  | { readonly name: 'redrive'; readonly which: readonly string[] | DeadLetterFilter; readonly dryRun: boolean }
  | { readonly name: 'discard'; readonly ids: readonly string[]; readonly note: string };

/** How the tool is called. */
export const usage = `list [filter]                       the dead letters, the oldest first (default)
show <id>                           all of one
redrive <id>... [--dry-run]         handle these again
redrive --all [filter] [--dry-run]  handle all again, or all that the filter meets
discard <id>... --note "<why>"      discard these for good, with a note

filter: --source event|task|saga  --origin order.events/notification-service  --reason HANDLER_FAILED
ADDRESS says where the mesh is (default 127.0.0.1:50051)
`;

const sources: Readonly<Record<string, DeadLetterSource>> = {
  event: DeadLetterSource.DEAD_LETTER_SOURCE_EVENT,
  task: DeadLetterSource.DEAD_LETTER_SOURCE_TASK,
  saga: DeadLetterSource.DEAD_LETTER_SOURCE_SAGA,
};
const filterOptions = { source: { type: 'string' }, origin: { type: 'string' }, reason: { type: 'string' } } as const;

interface FilterValues {
  readonly source?: string;
  readonly origin?: string;
  readonly reason?: string;
}

/** Reads the arguments. Throws a UsageError that says what is wrong with them. */
export function readCommand([name = 'list', ...args]: readonly string[]): Command {
  if (name.startsWith('-')) return readList([name, ...args]);
  const read = new Map(
    Object.entries({ help: readHelp, list: readList, show: readShow, redrive: readRedrive, discard: readDiscard }),
  );
  const readThis = read.get(name);
  if (!readThis) throw new UsageError(`there is no command ${name}`);
  return readThis(args);
}

function readHelp(): Command {
  return { name: 'help' };
}

function readList(args: string[]): Command {
  const { values, positionals } = readArgs(args, filterOptions);
  if (positionals.length > 0) throw new UsageError('list takes a filter, and no ids');
  return { name: 'list', filter: filterOf(values) };
}

function readShow(args: string[]): Command {
  const { positionals } = readArgs(args, {});
  const [id, ...others] = positionals;
  if (id === undefined || others.length > 0) throw new UsageError('show needs one id');
  return { name: 'show', id };
}

function readRedrive(args: string[]): Command {
  const options = { ...filterOptions, all: { type: 'boolean' }, 'dry-run': { type: 'boolean' } } as const;
  const { values, positionals: ids } = readArgs(args, options);
  const { all = false, 'dry-run': dryRun = false, ...filter } = values;
  if (all === ids.length > 0) throw new UsageError('redrive needs either ids or --all');
  if (!all && Object.keys(filter).length > 0) throw new UsageError('redrive takes a filter with --all, and no ids');
  return { name: 'redrive', which: all ? filterOf(filter) : ids, dryRun };
}

function readDiscard(args: string[]): Command {
  const options = { note: { type: 'string' }, all: { type: 'boolean' } } as const;
  const { values, positionals: ids } = readArgs(args, options);
  if (values.all) throw new UsageError('discard takes ids, and not --all: look at each, it is gone for good');
  if (ids.length === 0) throw new UsageError('discard needs the ids of what to discard');
  if (!values.note) throw new UsageError('discard needs --note, which says why');
  return { name: 'discard', ids, note: values.note };
}

function filterOf({ source, origin = '', reason = '' }: FilterValues): DeadLetterFilter {
  const known = source === undefined ? DeadLetterSource.DEAD_LETTER_SOURCE_UNSPECIFIED : sources[source];
  if (known === undefined) throw new UsageError(`--source is ${source}, but may be event, task or saga`);
  return { source: known, origin, reason };
}
