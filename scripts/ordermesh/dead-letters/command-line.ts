import { type DeadLetterFilter, DeadLetterSource } from '#gen/ops/v1/ops.ts';
import { readArgs, UsageError } from '../cli.ts';

export type Command =
  | { readonly name: 'list'; readonly filter: DeadLetterFilter }
  | { readonly name: 'show'; readonly id: string }
  | {
      readonly name: 'redrive';
      readonly which: readonly string[] | DeadLetterFilter;
      readonly dryRun: boolean;
      /** Empty: without one. */
      readonly note: string;
    }
  | { readonly name: 'discard'; readonly ids: readonly string[]; readonly note: string };

export const usage = `list [filter]                       list dead letters, oldest first (default)
show <id>                           show one dead letter with its headers and payload
redrive <id>... [--dry-run]         deliver these to their handlers again
redrive --all [filter] [--dry-run]  redrive all dead letters, or all that match the filter
        --note "<why>"              the reason, for the record: required where calls are authenticated
discard <id>... --note "<why>"      discard these permanently, with a note

filter: --source event|task|saga  --origin order.events/notification-service  --reason HANDLER_FAILED`;

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

/** Parses the arguments. Throws a UsageError if they are invalid. */
export function readCommand([name = 'list', ...args]: readonly string[]): Command {
  if (name.startsWith('-')) return readList([name, ...args]);
  const read = new Map(Object.entries({ list: readList, show: readShow, redrive: readRedrive, discard: readDiscard }));
  const readThis = read.get(name);
  if (!readThis) throw new UsageError(`unknown command ${name}`);
  return readThis(args);
}

function readList(args: string[]): Command {
  const { values, positionals } = readArgs(args, filterOptions);
  if (positionals.length > 0) throw new UsageError('list takes a filter, not ids');
  return { name: 'list', filter: filterOf(values) };
}

function readShow(args: string[]): Command {
  const { positionals } = readArgs(args, {});
  const [id, ...others] = positionals;
  if (id === undefined || others.length > 0) throw new UsageError('show requires exactly one id');
  return { name: 'show', id };
}

function readRedrive(args: string[]): Command {
  const options = {
    ...filterOptions,
    all: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
    note: { type: 'string' },
  } as const;
  const { values, positionals: ids } = readArgs(args, options);
  const { all = false, 'dry-run': dryRun = false, note = '', ...filter } = values;
  if (all === ids.length > 0) throw new UsageError('redrive requires either ids or --all');
  if (!all && Object.keys(filter).length > 0) throw new UsageError('redrive takes a filter only with --all');
  return { name: 'redrive', which: all ? filterOf(filter) : ids, dryRun, note };
}

function readDiscard(args: string[]): Command {
  const options = { note: { type: 'string' }, all: { type: 'boolean' } } as const;
  const { values, positionals: ids } = readArgs(args, options);
  if (values.all)
    throw new UsageError('discard does not support --all: discarding is permanent, so check each one and pass its id');
  if (ids.length === 0) throw new UsageError('discard requires at least one id');
  if (!values.note) throw new UsageError('discard requires --note with the reason');
  return { name: 'discard', ids, note: values.note };
}

function filterOf({ source, origin = '', reason = '' }: FilterValues): DeadLetterFilter {
  const known = source === undefined ? DeadLetterSource.DEAD_LETTER_SOURCE_UNSPECIFIED : sources[source];
  if (known === undefined) throw new UsageError(`invalid --source ${source}: use event, task or saga`);
  return { source: known, origin, reason };
}
