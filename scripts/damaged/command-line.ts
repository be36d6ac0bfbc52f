import { readArgs } from '../support/read-args.ts';
import { UsageError } from '../support/run-tool.ts';

/** What was asked for. */
export type Command =
  | { readonly name: 'help' }
  | { readonly name: 'list' }
  | { readonly name: 'skip'; readonly place: Place; readonly note: string };

/** Something damaged. */
export type Place =
  | { readonly of: 'log'; readonly topic: string; readonly partition: number; readonly offset: bigint }
  | { readonly of: 'queue'; readonly seq: bigint };

/** How the tool is called. */
export const usage = `list                            what is damaged in the embedded log and queue (default)
skip <place> --note="<why>"     gives up what is damaged there, so that what comes behind it goes on

<place> is <topic>/<partition>/<offset> or task/<number>, as list shows it. The mesh must be stopped.
DATA_DIR, EVENTS_URL and TASKS_URL say where the data is, as for the mesh.
`;

/** Reads the arguments. Throws a UsageError that says what is wrong with them. */
export function readCommand(args: string[]): Command {
  const { values, positionals } = readArgs(args, { note: { type: 'string' } });
  const [name = 'list', ...rest] = positionals;
  if (name === 'help') return { name };
  if (name === 'list' && rest.length === 0) return { name };
  if (name !== 'skip') throw new UsageError(`there is no command ${positionals.join(' ')}`);
  const [place, ...others] = rest;
  if (place === undefined) throw new UsageError('skip needs a place');
  if (others.length > 0)
    throw new UsageError(`skip takes one place, not also ${others.join(' ')}: put a note of several words in quotes`);
  if (!values.note) throw new UsageError('skip needs --note, which says why');
  return { name, place: readPlace(place), note: values.note };
}

function readPlace(text: string): Place {
  const [, seq] = /^task\/(\d+)$/.exec(text) ?? [];
  if (seq !== undefined) return { of: 'queue', seq: BigInt(seq) };
  const [, topic, partition, offset] = /^(.+)\/(\d+)\/(\d+)$/.exec(text) ?? [];
  if (topic === undefined) throw new UsageError(`${text} is not a valid place`);
  return { of: 'log', topic, partition: Number(partition), offset: BigInt(offset ?? '') };
}
